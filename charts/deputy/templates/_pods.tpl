{{/* What the pods of operator and webhook have in common. */}}

{{/* The fields of a pod's spec before its containers: include "deputy.pod" (list . "operator") */}}
{{- define "deputy.pod" -}}
{{- $root := index . 0 -}}
{{- $part := index $root.Values (index . 1) -}}
serviceAccountName: deputy-{{ index . 1 }}
automountServiceAccountToken: true
enableServiceLinks: false
terminationGracePeriodSeconds: 30
securityContext:
  runAsNonRoot: true
  {{- /* OpenShift gives each namespace ids of its own, and refuses pods that ask for others. */}}
  {{- if not ($root.Capabilities.APIVersions.Has "security.openshift.io/v1") }}
  runAsUser: 1001
  runAsGroup: 1001
  fsGroup: 1001
  {{- end }}
  seccompProfile:
    type: RuntimeDefault
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "deputy.selector" . | nindent 8 }}
    matchLabelKeys:
      - pod-template-hash
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $part.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $part.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  - name: linear
    secret:
      secretName: {{ $root.Values.linear.credentialsSecret }}
      defaultMode: 0440
      # The processes start without it, and say what is missing.
      optional: true
{{- with $root.Values.extraCA.configMap }}
  - name: extra-ca
    configMap:
      name: {{ . }}
{{- end }}
{{- end -}}

{{/* The fields that both containers have: include "deputy.container" (list . "operator") */}}
{{- define "deputy.container" -}}
{{- $root := index . 0 -}}
{{- $part := index $root.Values (index . 1) -}}
name: {{ index . 1 }}
image: {{ include "deputy.image" (list $root $root.Values.image) | quote }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args:
  - {{ index . 1 }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop:
      - ALL
resources:
  {{- toYaml $part.resources | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
volumeMounts:
  - name: tmp
    mountPath: /tmp
  - name: linear
    mountPath: /etc/deputy/linear
    readOnly: true
{{- if $root.Values.extraCA.configMap }}
  - name: extra-ca
    mountPath: /etc/deputy/extra-ca
    readOnly: true
{{- end }}
{{- end -}}

{{/* The environment of both processes: include "deputy.env" (list . "operator") */}}
{{- define "deputy.env" -}}
{{- $root := index . 0 -}}
- name: DEPUTY_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: DEPUTY_POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: DEPUTY_AGENT_NAMESPACES
  value: {{ include "deputy.agentNamespaces" $root | fromJsonArray | join "," | quote }}
- name: DEPUTY_LINEAR_API_URL
  value: {{ $root.Values.linear.apiUrl | quote }}
- name: DEPUTY_LINEAR_CREDENTIALS
  value: /etc/deputy/linear
{{- with $root.Values.linear.teamNamespaces }}
- name: DEPUTY_TEAM_NAMESPACES
  value: {{ toJson . | quote }}
{{- end }}
- name: DEPUTY_LOG_LEVEL
  value: {{ $root.Values.logLevel | quote }}
{{- with $root.Values.extraCA }}
{{- if .configMap }}
- name: DEPUTY_EXTRA_CA
  value: /etc/deputy/extra-ca/{{ .key }}
{{- end }}
{{- end }}
{{- with $root.Values.proxy }}
{{- if .url }}
- name: HTTPS_PROXY
  value: {{ .url | quote }}
- name: HTTP_PROXY
  value: {{ .url | quote }}
- name: NO_PROXY
  value: {{ concat (list "localhost" "127.0.0.1" "::1" ".svc" ".cluster.local") .noProxy | join "," | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Liveness and readiness: include "deputy.probes" "health" */}}
{{- define "deputy.probes" -}}
startupProbe:
  httpGet:
    path: /healthz
    port: {{ . }}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  httpGet:
    path: /healthz
    port: {{ . }}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 3
readinessProbe:
  httpGet:
    path: /readyz
    port: {{ . }}
  periodSeconds: 5
  timeoutSeconds: 3
{{- end -}}
