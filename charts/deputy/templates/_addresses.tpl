{{/* Addresses that workspaces must not reach: RFC 6890's special ones, the API server's, the user's. */}}

{{- define "deputy.closed4" -}}
{{- $special := list
  "0.0.0.0/8" "10.0.0.0/8" "100.64.0.0/10" "127.0.0.0/8" "169.254.0.0/16" "172.16.0.0/12"
  "192.0.0.0/24" "192.168.0.0/16" "198.18.0.0/15" "224.0.0.0/4" "240.0.0.0/4" -}}
{{- $closed := $special -}}
{{- range concat (include "deputy.apiServer" . | fromJsonArray) .Values.networkPolicy.workspaces.blockedCIDRs -}}
{{- if not (contains ":" .) -}}{{- $closed = append $closed . -}}{{- end -}}
{{- end -}}
{{- $closed | uniq | toJson -}}
{{- end -}}

{{/* 64:ff9b::/96 and 2002::/16 lead to IPv4 addresses, private ones among them. */}}
{{- define "deputy.closed6" -}}
{{- $special := list
  "::/127" "64:ff9b::/96" "64:ff9b:1::/48" "2002::/16" "fc00::/7" "fe80::/10" "ff00::/8" -}}
{{- $closed := $special -}}
{{- range concat (include "deputy.apiServer" . | fromJsonArray) .Values.networkPolicy.workspaces.blockedCIDRs -}}
{{- if contains ":" . -}}{{- $closed = append $closed . -}}{{- end -}}
{{- end -}}
{{- $closed | uniq | toJson -}}
{{- end -}}

{{/* The API server's own addresses, as JSON; none where there is no cluster to ask. */}}
{{- define "deputy.apiServer" -}}
{{- $found := list -}}
{{- $slice := lookup "discovery.k8s.io/v1" "EndpointSlice" "default" "kubernetes" | default dict -}}
{{- range $slice.endpoints -}}
{{- range .addresses -}}
{{- $found = append $found (printf "%s/%d" . (ternary 128 32 (contains ":" .))) -}}
{{- end -}}
{{- end -}}
{{- $found | sortAlpha | toJson -}}
{{- end -}}
