#!/bin/sh
# Keeps a file of short-lived keys: exchanges the token in TOKEN_FILE for keys of ROLE_ARN at STS_URL, again and again.
# A failed exchange leaves the file as it is and is tried again soon: the keys in it hold for most of an hour more.
set -u
: "${ROLE_ARN:?}" "${STS_URL:?}" "${TOKEN_FILE:?}" "${CREDENTIALS_FILE:?}"
umask 077

element() {
    printf '%s' "$answer" | tr -d '\n' | sed -n "s:.*<$1>\([^<]*\)</$1>.*:\1:p"
}

exchange() {
    # In the body and not in the address, which servers log.
    answer=$(curl --silent --show-error --fail --max-time 20 "$STS_URL" \
        --data-urlencode "Action=AssumeRoleWithWebIdentity" --data-urlencode "Version=2011-06-15" \
        --data-urlencode "RoleArn=$ROLE_ARN" --data-urlencode "RoleSessionName=medley" \
        --data-urlencode "DurationSeconds=3600" --data-urlencode "WebIdentityToken@$TOKEN_FILE") || return 1
    access=$(element AccessKeyId) secret=$(element SecretAccessKey) session=$(element SessionToken)
    [ -n "$access" ] && [ -n "$secret" ] && [ -n "$session" ] || { echo "the answer holds no keys" >&2; return 1; }
    printf 'aws_access_key_id = %s\naws_secret_access_key = %s\naws_session_token = %s\n' \
        "$access" "$secret" "$session" > "$CREDENTIALS_FILE.new" && mv "$CREDENTIALS_FILE.new" "$CREDENTIALS_FILE"
}

while true; do
    if exchange; then pause_s=${REFRESH_S:-900}; else pause_s=${RETRY_S:-15}; fi
    sleep "$pause_s"
done
