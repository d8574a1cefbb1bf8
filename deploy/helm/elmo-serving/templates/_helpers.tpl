{{- define "elmo.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" -}}
{{- end -}}

{{- /* 52 characters, so that "-headless" fits into a DNS label. */ -}}
{{- define "elmo.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains (include "elmo.name" .) .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "elmo.name" .) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- /* Not nameOverride: Prometheus finds pods, and names the job, by this. */ -}}
{{- define "elmo.selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{- define "elmo.commonLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "elmo.labels" -}}
{{ include "elmo.selectorLabels" . }}
{{ include "elmo.commonLabels" . }}
{{- end -}}

{{- define "elmo.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "elmo.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "elmo.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* Kubelets speak no TLS: with it they get a port of their own. */ -}}
{{- define "elmo.probePort" -}}
{{- if .Values.tls.secretName -}}{{ .Values.ports.probe }}{{- else -}}{{ .Values.ports.grpc }}{{- end -}}
{{- end -}}

{{- define "elmo.probe" -}}
grpc:
  port: {{ include "elmo.probePort" .root }}
  service: {{ .service }}
{{- range $key, $value := .settings }}
{{ $key }}: {{ $value }}
{{- end }}
{{- end -}}

{{- /* A time as flags have it, in whole seconds, rounded up. */ -}}
{{- define "elmo.seconds" -}}
{{- $number := regexFind "^[0-9]+" . | int -}}
{{- if hasSuffix "ms" . -}}{{ div (add $number 999) 1000 }}
{{- else if hasSuffix "h" . -}}{{ mul $number 3600 }}
{{- else if hasSuffix "m" . -}}{{ mul $number 60 }}
{{- else -}}{{ $number }}
{{- end -}}
{{- end -}}

{{- /* What the server would refuse at its start is refused here, with a reason. */ -}}
{{- define "elmo.validate" -}}
{{- $tls := .Values.tls.secretName -}}
{{- $known := or .Values.tls.clientCaSecretName .Values.auth.secretName -}}
{{- if and .Values.hardened (not $tls) -}}
{{- fail "hardened needs tls.secretName" -}}
{{- end -}}
{{- if and .Values.hardened (not $known) -}}
{{- fail "hardened needs tls.clientCaSecretName or auth.secretName" -}}
{{- end -}}
{{- if and .Values.tls.clientCaSecretName (not $tls) -}}
{{- fail "tls.clientCaSecretName needs tls.secretName" -}}
{{- end -}}
{{- if and .Values.auth.secretName (not $tls) (not (index .Values.options "allow-plaintext-tokens")) -}}
{{- fail "auth.secretName needs tls.secretName, or options.allow-plaintext-tokens where something in front encrypts" -}}
{{- end -}}
{{- if and .Values.hardened (or (index .Values.options "reflection") (index .Values.options "channelz") (index .Values.options "allow-plaintext-tokens")) -}}
{{- fail "hardened switches reflection, channelz and allow-plaintext-tokens off; they cannot be on as well" -}}
{{- end -}}
{{- $ports := list .Values.ports.grpc .Values.ports.metrics .Values.ports.probe -}}
{{- if ne (len ($ports | uniq)) (len $ports) -}}
{{- fail "ports.grpc, ports.metrics and ports.probe must differ" -}}
{{- end -}}
{{- $deadline := index .Values.options "default-deadline" | default "1m" -}}
{{- if gt (include "elmo.seconds" $deadline | int) (int .Values.drain.timeoutSeconds) -}}
{{- fail (printf "drain.timeoutSeconds is %v: shorter than options.default-deadline, %s, so a rollout could cut calls off" .Values.drain.timeoutSeconds $deadline) -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.queueTokens.enabled) (not .Values.autoscaling.cpu.averageUtilization) -}}
{{- fail "autoscaling needs cpu.averageUtilization or queueTokens.enabled" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (lt (int .Values.autoscaling.maxReplicas) (int .Values.autoscaling.minReplicas)) -}}
{{- fail "autoscaling.maxReplicas is less than autoscaling.minReplicas" -}}
{{- end -}}
{{- end -}}

{{- /* The command line, one argument a line, as YAML. */ -}}
{{- define "elmo.args" -}}
{{- range .Values.models }}
- {{ printf "--model=%s" . | quote }}
{{- end }}
- {{ printf "--listen=[::]:%v" .Values.ports.grpc | quote }}
- {{ printf "--metrics-listen=0.0.0.0:%v" .Values.ports.metrics | quote }}
- {{ printf "--drain-delay=%vs" .Values.drain.delaySeconds | quote }}
- {{ printf "--drain-timeout=%vs" .Values.drain.timeoutSeconds | quote }}
{{- if .Values.hardened }}
- "--hardened"
{{- end }}
{{- with .Values.tls }}
{{- if .secretName }}
- {{ printf "--tls-cert=/etc/elmo/tls/%s" .certKey | quote }}
- {{ printf "--tls-key=/etc/elmo/tls/%s" .privateKeyKey | quote }}
- {{ printf "--probe-listen=[::]:%v" $.Values.ports.probe | quote }}
{{- end }}
{{- if .clientCaSecretName }}
- {{ printf "--tls-client-ca=/etc/elmo/client-ca/%s" .clientCaKey | quote }}
{{- end }}
{{- end }}
{{- with .Values.auth }}
{{- if .secretName }}
- {{ printf "--auth-tokens-file=/etc/elmo/auth/%s" .tokensKey | quote }}
{{- end }}
{{- end }}
{{- range $name, $value := .Values.options }}
{{- if kindIs "bool" $value }}
- {{ ternary "--" "--no-" $value }}{{ $name }}
{{- else if not (kindIs "invalid" $value) }}
{{- /* Numbers of values.yaml are floats to Helm: 65536 must not become 6.5536e+04. */}}
- {{ printf "--%s=%s" $name (kindIs "float64" $value | ternary (printf "%.0f" (float64 $value)) (toString $value)) | quote }}
{{- end }}
{{- end }}
{{- end -}}
