//go:build tools

// Package tools names the programs that the local cluster runs, so that go.mod and go.sum pin them.
package tools

import (
	_ "sigs.k8s.io/kind"
)
