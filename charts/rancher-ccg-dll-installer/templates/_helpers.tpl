{{- define "installer.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "installer.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "installer.image" -}}
{{- with coalesce .Values.global.systemDefaultRegistry (.Values.global.cattle | default dict).systemDefaultRegistry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{- define "installer.which" -}}
{{- range $at, $plugin := .Values.plugins }}
{{- if $at }}{{ "\n" }}{{ end -}}
- --plugin={{ $plugin }}
{{- end }}
{{- with .Values.dir }}
- {{ printf "--dir=%s" . | quote }}
{{- end }}
{{- end -}}

{{- define "installer.hook" -}}
helm.sh/hook: pre-delete
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
