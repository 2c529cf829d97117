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
{{- with coalesce .Values.global.systemDefaultRegistry (.Values.global.cattle | default dict).systemDefaultRegistry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* The same at every render, and another for most other releases. */}}
{{- define "provider.probesPort" -}}
{{- if .Values.probes.port -}}
{{- .Values.probes.port -}}
{{- else -}}
{{- add 20000 (mod (printf "0x%s" (printf "%s/%s" .Release.Namespace .Release.Name | sha256sum | trunc 12) | int64) 10000) -}}
{{- end -}}
{{- end -}}

{{/* Rancher's own plugin looks in the namespace's folder only. */}}
{{- define "provider.forNamespace" -}}
{{- if or .Values.forNamespace .Values.legacy.enabled -}}true{{- end -}}
{{- end -}}

{{/* What the plugin on the node finds of this release, and of nobody else. */}}
{{- define "provider.release" -}}
{{- printf "%s/%s/releases/%s" .Values.hostDir .Release.Namespace (include "provider.secret" .) -}}
{{- end -}}

{{/* Where on a node its audit is: in a folder of its own, for its pod may write all of that. */}}
{{- define "provider.auditDir" -}}
{{- printf "/var/log/pando/account-provider/%s/%s" .Release.Namespace .Release.Name -}}
{{- end -}}

{{- define "provider.state" -}}
{{- printf "%s/%s/%s" .Values.legacy.stateDir .Release.Namespace .Release.Name -}}
{{- end -}}
