{{/* What several templates say alike. Names are fixed: one Deputy lives in a namespace. */}}

{{/* The labels of an object: include "deputy.labels" (list . "operator") */}}
{{- define "deputy.labels" -}}
{{- $root := index . 0 -}}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{ include "deputy.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: deputy
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end -}}

{{/* The labels that select the pods of a part */}}
{{- define "deputy.selector" -}}
app.kubernetes.io/name: deputy
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* The labels that the operator puts on every workspace */}}
{{- define "deputy.workspaceSelector" -}}
app.kubernetes.io/name: deputy
app.kubernetes.io/component: workspace
{{- end -}}

{{/* The name of something that belongs to the whole cluster; several Deputies may share one */}}
{{- define "deputy.clusterName" -}}
{{- printf "%s.%s" (index . 1) (index . 0).Release.Namespace -}}
{{- end -}}

{{/* An image: include "deputy.image" (list . .Values.image) */}}
{{- define "deputy.image" -}}
{{- $image := index . 1 -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The agent namespaces, as JSON */}}
{{- define "deputy.agentNamespaces" -}}
{{- .Values.agentNamespaces | toJson -}}
{{- end -}}

{{/* A binding of the role of the same name to one of our service accounts */}}
{{- define "deputy.bound" -}}
{{- $root := index . 0 -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ index . 1 }}
  name: {{ index . 2 }}
subjects:
  - kind: ServiceAccount
    name: {{ index . 3 }}
    namespace: {{ $root.Release.Namespace }}
{{- end -}}
