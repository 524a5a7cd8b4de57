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
  runAsUser: 1001
  runAsGroup: 1001
  fsGroup: 1001
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
