{{- define "webhook.name" -}}
{{- default .Release.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Webhook configurations, policies and cluster roles belong to no namespace: two releases must not meet there. A namespace has no dot
     in its name. */}}
{{- define "webhook.clusterName" -}}
{{- printf "%s.%s" .Release.Namespace (include "webhook.name" .) -}}
{{- end -}}

{{- define "webhook.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "webhook.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "webhook.image" -}}
{{- with coalesce .Values.global.systemDefaultRegistry (.Values.global.cattle | default dict).systemDefaultRegistry }}{{ . }}/{{ end -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}

{{/* How the API server calls one of the paths. */}}
{{- define "webhook.client" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.webhook.url -}}
url: {{ printf "%s/%s" (trimSuffix "/" $root.Values.webhook.url) (index . 1) | quote }}
{{- else -}}
service:
  name: {{ include "webhook.name" $root }}
  namespace: {{ $root.Release.Namespace }}
  path: /{{ index . 1 }}
  port: 443
{{- end }}
{{- with $root.Values.certificates.caBundle }}
caBundle: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* Only pods that have to do with an identity ever reach the webhook. */}}
{{- define "webhook.match" -}}
- name: names-an-identity
  expression: >-
    [object, oldObject].exists(pod, pod != null && (
      (has(pod.metadata.annotations) && 'gmsa.pando.dev/credential-spec' in pod.metadata.annotations)
      || (has(pod.spec.securityContext) && has(pod.spec.securityContext.windowsOptions)
          && (has(pod.spec.securityContext.windowsOptions.gmsaCredentialSpecName) || has(pod.spec.securityContext.windowsOptions.gmsaCredentialSpec)))
      || ((has(pod.spec.containers) && pod.spec.containers != null ? pod.spec.containers : [])
          + (has(pod.spec.initContainers) ? pod.spec.initContainers : [])
          + (has(pod.spec.ephemeralContainers) ? pod.spec.ephemeralContainers : [])).exists(container,
            has(container.securityContext) && has(container.securityContext.windowsOptions)
            && (has(container.securityContext.windowsOptions.gmsaCredentialSpecName) || has(container.securityContext.windowsOptions.gmsaCredentialSpec)))))
{{- end -}}
