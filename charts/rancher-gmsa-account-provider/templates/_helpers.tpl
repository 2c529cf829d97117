{{- define "provider.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "provider.secret" -}}
{{- printf "%s-creds" .Release.Name -}}
{{- end -}}

{{- define "provider.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "provider.image" -}}
{{- with .Values.global.cattle.systemDefaultRegistry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* The same at every render, and another for most other releases. */}}
{{- define "provider.probesPort" -}}
{{- if .Values.probes.port -}}
{{- .Values.probes.port -}}
{{- else -}}
{{- add 20000 (mod (adler32sum (printf "%s/%s" .Release.Namespace .Release.Name) | int64) 10000) -}}
{{- end -}}
{{- end -}}

{{- define "provider.state" -}}
{{- printf "%s/%s/%s" .Values.legacy.stateDir .Release.Namespace .Release.Name -}}
{{- end -}}
