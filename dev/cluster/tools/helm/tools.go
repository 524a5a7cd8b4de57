//go:build tools

// Package tools names the programs that the local cluster runs, so that go.mod and go.sum pin them.
package tools

import (
	_ "helm.sh/helm/v3/cmd/helm"
)
