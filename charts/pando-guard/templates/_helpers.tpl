{{- define "guard.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Cluster roles belong to no namespace: two releases must not meet there. A namespace has no dot in its name. */}}
{{- define "guard.clusterName" -}}
{{- printf "%s.%s" .Release.Namespace (include "guard.name" .) -}}
{{- end -}}

{{- define "guard.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "guard.image" -}}
{{- with coalesce .Values.global.systemDefaultRegistry (.Values.global.cattle | default dict).systemDefaultRegistry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
