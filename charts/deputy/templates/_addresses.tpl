{{/*
Addresses that workspaces must not reach: RFC 6890's special ones, clouds' metadata, the API server's,
nodes' and the user's. Metadata: 169.254.0.0/16, 192.0.0.192 (Oracle), 100.100.100.200 (Alibaba),
fd00:ec2::254 (AWS) and fd20:ce::254 (Google) are in special ranges, 168.63.129.16 (Azure) is not.
*/}}

{{- define "deputy.closed4" -}}
{{- $special := list
  "0.0.0.0/8" "10.0.0.0/8" "100.64.0.0/10" "127.0.0.0/8" "169.254.0.0/16" "172.16.0.0/12"
  "168.63.129.16/32" "192.0.0.0/24" "192.88.99.0/24" "192.168.0.0/16" "198.18.0.0/15" "224.0.0.0/4" "240.0.0.0/4" -}}
{{- $closed := $special -}}
{{- range include "deputy.closed" . | fromJsonArray -}}
{{- if not (contains ":" .) -}}{{- $closed = append $closed . -}}{{- end -}}
{{- end -}}
{{- $closed | uniq | toJson -}}
{{- end -}}

{{/* 64:ff9b::/96, 2001::/32 and 2002::/16 lead to IPv4 addresses, private ones among them. */}}
{{- define "deputy.closed6" -}}
{{- $special := list
  "::/127" "64:ff9b::/96" "64:ff9b:1::/48" "2001::/32" "2002::/16" "fc00::/7" "fe80::/10" "ff00::/8" -}}
{{- $closed := $special -}}
{{- range include "deputy.closed" . | fromJsonArray -}}
{{- if contains ":" . -}}{{- $closed = append $closed . -}}{{- end -}}
{{- end -}}
{{- $closed | uniq | toJson -}}
{{- end -}}

{{/* What is closed beside special addresses, as JSON */}}
{{- define "deputy.closed" -}}
{{- $closed := include "deputy.apiServer" . | fromJsonArray -}}
{{- if .Values.networkPolicy.workspaces.blockNodes -}}
{{- $closed = concat $closed (include "deputy.nodes" . | fromJsonArray) -}}
{{- end -}}
{{- concat $closed .Values.networkPolicy.workspaces.blockedCIDRs | toJson -}}
{{- end -}}

{{/* The nodes' addresses that are in no special range, as JSON; none where there is no cluster to ask. */}}
{{- define "deputy.nodes" -}}
{{- $special := "^(10\\.|127\\.|169\\.254\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\\.|[fF][cCdD][0-9a-fA-F]{2}:|[fF][eE][89aAbB][0-9a-fA-F]:)" -}}
{{- $addresses := list -}}
{{- range (lookup "v1" "Node" "" "").items -}}
{{- range .status.addresses -}}
{{- if and (has .type (list "InternalIP" "ExternalIP")) (not (regexMatch $special .address)) -}}
{{- $addresses = append $addresses (printf "%s/%d" .address (ternary 128 32 (contains ":" .address))) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $addresses | uniq | sortAlpha | toJson -}}
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
