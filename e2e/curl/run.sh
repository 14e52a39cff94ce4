#!/usr/bin/env bash
# The documented calls with cURL against a server of this script's own: three credentials, GET
# with a JSON body, query strings, empty bodies, errors, headers, CORS. Prints `N passed, N failed`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

binary=$(realpath "${THUMBTURN_BIN:-target/debug/thumbturn}")
for name in $(compgen -e | grep -E '^(SEAM|THUMBTURN)_' || true); do unset "$name"; done

folder=$(mktemp -d -t thumbturn-e2e-XXXXXX)
server=
finish() {
  if [[ -n $server ]]; then
    kill -KILL "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap finish EXIT

passed=0
failed=0

# --- The server -------------------------------------------------------------------------------

"$binary" init --data-dir "$folder/data" --json >"$folder/init.json"
of_init() { jq -r "$1" "$folder/init.json"; }
SEAM_API_KEY=$(of_init .api_key)
PERSONAL_ACCESS_TOKEN=$(of_init .personal_access_token)
PUBLISHABLE_KEY=$(of_init .publishable_key)
WORKSPACE_ID=$(of_init .workspace_id)
DEVICE_ID=$(of_init '.devices[0].device_id')
OTHER_ID=$(of_init '.devices[1].device_id')
OTHER_NAME=$(of_init '.devices[1].display_name')
UNKNOWN_ID=00000000-0000-4000-8000-000000000000

# The server's output comes through a pipe, so that the wait for its address needs no sleep.
mkfifo "$folder/out"
"$binary" serve --data-dir "$folder/data" --listen 127.0.0.1:0 >"$folder/out" 2>"$folder/err" &
server=$!
exec 3<"$folder/out"
ENDPOINT=
while IFS= read -r -t 20 line <&3; do
  if [[ $line =~ listening\ on\ (http://127\.0\.0\.1:[0-9]+) ]]; then
    ENDPOINT=${BASH_REMATCH[1]}
    break
  fi
done
if [[ -z $ENDPOINT ]]; then
  echo "the server was not ready after 20 s:"
  cat "$folder/err"
  echo "0 passed, 1 failed"
  exit 1
fi
cat <&3 >/dev/null &

# --- Asking and judging -----------------------------------------------------------------------

# ask METHOD PATH [curl arguments]: sets status, body and the file of headers.
ask() {
  local method=$1 path=$2
  shift 2
  status=$(curl --silent --show-error --max-time 30 --request "$method" "$ENDPOINT$path" \
    --dump-header "$folder/headers" --output "$folder/body" --write-out '%{http_code}' "$@") || status="curl failed"
  body=$(cat "$folder/body" 2>/dev/null || true)
}

# The same with the API key.
ask_key() { ask "$1" "$2" --header "Authorization: Bearer $SEAM_API_KEY" "${@:3}"; }

# The same with a JSON body: post PATH BODY.
post() { ask_key POST "$1" --header 'Content-Type: application/json' --data "$2"; }

# header NAME: its value in the last answer.
header() { tr -d '\r' <"$folder/headers" | sed -n "s/^$1: //Ip" | tail -n 1; }

# is NAME GOT WANTED
is() {
  if [[ $2 == "$3" ]]; then
    passed=$((passed + 1))
    echo "ok     $1"
  else
    failed=$((failed + 1))
    printf 'FAILED %s\n       got    %s\n       wanted %s\n       answer %s %s\n' "$1" "$2" "$3" "$status" "${body:0:400}"
  fi
}

# answers NAME STATUS JQ WANTED: the status, then what the filter finds in the body.
answers() { is "$1" "$status $(jq -r "$3" <<<"$body" 2>/dev/null || echo 'not JSON')" "$2 $4"; }

# refuses NAME STATUS TYPE: the error envelope, its content type and the request id.
refuses() {
  local form='[.ok, .error.type, (.error.message | type)] | map(tostring) | join(" ")'
  is "$1" "$status $(jq -r "$form" <<<"$body" 2>/dev/null || echo 'not JSON')" "$2 false $3 string"
  is "$1: JSON with a request id" "$(header content-type | cut -d ';' -f 1) $(header seam-request-id | grep -c .)" 'application/json 1'
}

unlocked='[.ok, .action_attempt.status, .action_attempt.action_type, .action_attempt.result.was_confirmed_by_device] | map(tostring) | join(" ")'
success='true success UNLOCK_DOOR true'

# --- The main job -----------------------------------------------------------------------------

post /locks/unlock_door "{\"device_id\": \"$DEVICE_ID\"}"
answers 'unlock_door with an API key' 200 "$unlocked" "$success"
is 'unlock_door: a request id' "$(header seam-request-id | grep -c .)" 1
is 'unlock_door: the content type' "$(header content-type)" 'application/json; charset=utf-8'
attempt=$(jq -r .action_attempt.action_attempt_id <<<"$body")

post /locks/lock_door "{\"device_id\": \"$DEVICE_ID\"}"
answers 'lock_door' 200 '.action_attempt.status' success

ask POST /locks/unlock_door --header "Authorization: Bearer $PERSONAL_ACCESS_TOKEN" \
  --header "Seam-Workspace: $WORKSPACE_ID" --json "{\"device_id\": \"$DEVICE_ID\"}"
answers 'unlock_door with a personal access token' 200 "$unlocked" "$success"

ask_key GET /connected_accounts/list
session=$(jq -c '{user_identifier_key: "jane", connected_account_ids: [.connected_accounts[].connected_account_id]}' <<<"$body")
ask_key PUT /client_sessions/create --json "$session"
answers 'client_sessions/create' 200 '.client_session.token | startswith("seam_cst")' true
CLIENT_SESSION_TOKEN=$(jq -r .client_session.token <<<"$body")

ask POST /locks/unlock_door --header "Authorization: Bearer $CLIENT_SESSION_TOKEN" --json "{\"device_id\": \"$DEVICE_ID\"}"
answers 'unlock_door with a client session token' 200 "$unlocked" "$success"
ask POST /locks/unlock_door --header "Seam-Client-Session-Token: $CLIENT_SESSION_TOKEN" --json "{\"device_id\": \"$DEVICE_ID\"}"
answers 'unlock_door with the token in its own header' 200 "$unlocked" "$success"

post /locks/unlock_door "{\"device_id\": \"$DEVICE_ID\", \"sync\": true, \"from_a_newer_client\": 1}"
answers 'unlock_door with sync and an unknown parameter' 200 "$unlocked" "$success"
ask_key POST /locks/unlock_door --header 'Prefer: respond-async' --json "{\"device_id\": \"$DEVICE_ID\"}"
answers 'unlock_door with Prefer: respond-async' 200 '.action_attempt.status' pending

key="e2e-$$"
ask_key POST /locks/unlock_door --header "Idempotency-Key: $key" --json "{\"device_id\": \"$DEVICE_ID\"}"
first=$(jq -r .action_attempt.action_attempt_id <<<"$body")
ask_key POST /locks/unlock_door --header "Idempotency-Key: $key" --json "{\"device_id\": \"$DEVICE_ID\"}"
answers 'the same idempotency key is the same attempt' 200 '.action_attempt.action_attempt_id' "$first"
ask_key POST /locks/unlock_door --header "Idempotency-Key: $key" --json "{\"device_id\": \"$OTHER_ID\"}"
refuses 'the same idempotency key with another body' 409 idempotency_key_conflict

# --- Reading, in every form in which clients ask ------------------------------------------------

ask_key GET /devices/list
answers 'GET without parameters' 200 '[(.devices | length), .pagination.has_next_page, .pagination.next_page_cursor] | map(tostring) | join(" ")' '5 false null'
ask_key POST /devices/list --header 'Content-Type: application/x-www-form-urlencoded' --data ''
answers 'POST with an empty form' 200 '.devices | length' 5
ask_key POST /devices/list
answers 'POST without a body' 200 '.devices | length' 5
ask_key GET /devices/get --header 'Content-Type: application/json' --data "{\"device_id\": \"$OTHER_ID\"}"
answers 'GET with a JSON body' 200 .device.device_id "$OTHER_ID"
ask_key GET "/devices/get?device_id=$OTHER_ID"
answers 'GET with a query' 200 .device.device_id "$OTHER_ID"
ask_key GET /devices/get --get --data-urlencode "name=$OTHER_NAME" --data _strict=true
answers 'GET with a strict query' 200 .device.device_id "$OTHER_ID"
ask_key POST "/devices/get?device_id=$DEVICE_ID" --json "{\"device_id\": \"$OTHER_ID\"}"
answers 'a body wins over the query' 200 .device.device_id "$OTHER_ID"

ask_key GET "/devices/list?device_ids=$DEVICE_ID&device_ids=$OTHER_ID&_strict=true"
answers 'an array as a repeated key' 200 '.devices | length' 2
ask_key GET "/devices/list?device_ids=$DEVICE_ID,$OTHER_ID"
answers 'an array with commas' 200 '.devices | length' 2
ask_key GET "/devices/list?device_ids[]=$DEVICE_ID&device_ids[]=$OTHER_ID" --globoff
answers 'an array with brackets' 200 '.devices | length' 2
ask_key GET '/devices/list?device_ids=&_strict=true'
answers 'an empty array' 200 '.devices | length' 0
ask_key GET "/devices/get?device_id=$DEVICE_ID&device_id=$OTHER_ID&_strict=true"
refuses 'a repeated parameter that is no array' 400 invalid_query_params

ask_key GET '/devices/list?limit=2&_strict=true'
answers 'the first page' 200 '[(.devices | length), .pagination.has_next_page] | map(tostring) | join(" ")' '2 true'
cursor=$(jq -r .pagination.next_page_cursor <<<"$body")
ask_key GET /devices/list --get --data-urlencode "page_cursor=$cursor" --data limit=3
refuses 'a cursor with other parameters' 400 mismatched_page_parameters
ask_key GET '/devices/list?page_cursor=nonsense'
refuses 'a cursor that is none' 400 invalid_input

ask_key GET "/locks/get?device_id=$DEVICE_ID"
answers 'locks/get sends device and lock' 200 '[.device.device_id, .lock.device_id] | unique | join(" ")' "$DEVICE_ID"
ask_key GET /locks/list
answers 'locks/list sends devices and locks' 200 '[(.devices | length), (.locks | length)] | map(tostring) | join(" ")' '5 5'
ask_key GET "/action_attempts/get?action_attempt_id=$attempt"
answers 'action_attempts/get' 200 "$unlocked" "$success"
ask_key GET /workspaces/get
answers 'workspaces/get' 200 .workspace.workspace_id "$WORKSPACE_ID"
ask GET /workspaces/list --header "Authorization: Bearer $PERSONAL_ACCESS_TOKEN"
answers 'workspaces/list with a personal access token alone' 200 '.workspaces[0].workspace_id' "$WORKSPACE_ID"

ask_key PATCH /devices/update --json "{\"device_id\": \"$OTHER_ID\", \"name\": \"Side door\"}"
answers 'devices/update' 200 'keys | join(" ")' ok
ask_key GET "/devices/get?device_id=$OTHER_ID"
answers 'the new name is there' 200 '[.device.nickname, .device.display_name] | unique | join(" ")' 'Side door'

for path in /health/get_health /health/live /health/ready; do
  ask GET "$path"
  is "$path without credentials" "$status" 200
done

# --- Sessions for browsers ----------------------------------------------------------------------

ask POST /client_sessions/get_or_create --header "Seam-Publishable-Key: $PUBLISHABLE_KEY" --json '{"user_identifier_key": "visitor-1"}'
answers 'a publishable key makes an empty session' 200 '[.client_session.user_identifier_key, .client_session.device_count] | map(tostring) | join(" ")' 'visitor-1 0'
VISITOR_TOKEN=$(jq -r .client_session.token <<<"$body")
ask POST /client_sessions/get_or_create --header "Seam-Publishable-Key: $PUBLISHABLE_KEY" --json '{}'
refuses 'a publishable key without a user' 400 publishable_key_requires_user_identifier_key
ask POST /client_sessions/create --header "Seam-Publishable-Key: $PUBLISHABLE_KEY" \
  --json "{\"user_identifier_key\": \"visitor-2\", \"connected_account_ids\": [\"$UNKNOWN_ID\"]}"
refuses 'a publishable key grants nothing' 403 publishable_keys_must_create_empty_client_sessions
ask GET /devices/list --header "Seam-Publishable-Key: $PUBLISHABLE_KEY"
refuses 'a publishable key reads nothing' 401 unauthorized
ask POST /locks/unlock_door --header "Authorization: Bearer $VISITOR_TOKEN" --json "{\"device_id\": \"$DEVICE_ID\"}"
refuses 'a session opens nothing outside its grant' 401 unauthorized
post /client_sessions/create '{"user_identifier_key": "jane"}'
refuses 'POST does not make a second session' 400 client_session_token_already_exists

preflight=(--header 'Origin: https://app.example' --header 'Access-Control-Request-Method: POST')
ask OPTIONS /locks/unlock_door "${preflight[@]}" --header 'Access-Control-Request-Headers: authorization,content-type'
is 'preflight: 200 without a body' "$status $(wc -c <"$folder/body" | tr -d ' ')" '200 0'
is 'preflight: the origin comes back' "$(header access-control-allow-origin)" 'https://app.example'
is 'preflight: credentials are allowed' "$(header access-control-allow-credentials)" true
is 'preflight: the method is allowed' "$(header access-control-allow-methods | grep -c POST)" 1
for name in authorization content-type seam-workspace client-session-token seam-publishable-key idempotency-key prefer; do
  is "preflight: $name is allowed" "$(header access-control-allow-headers | tr 'A-Z,' 'a-z\n' | tr -d ' ' | grep -cx -- "$name")" 1
done
ask GET /devices/list --header 'Origin: https://app.example'
is 'an error has the origin too' "$status $(header access-control-allow-origin)" '401 https://app.example'
is 'the request id may be read' "$(header access-control-expose-headers | grep -ci seam-request-id)" 1

# --- Errors -------------------------------------------------------------------------------------

ask GET /devices/list
refuses 'no credential' 401 unauthorized
ask GET /devices/list --header 'Authorization: Bearer seam_testAAAA_AAAAAAAAAAAAAAAAAAAAAAAA'
refuses 'an unknown API key' 401 unauthorized
ask GET /devices/list --header 'Authorization: Bearer seam_cst1AAAAAAAA_AAAAAAAAAAAAAAAAAAAAAAAA'
refuses 'an unknown client session' 401 client_session_not_found
ask GET /devices/list --header 'Client-Session-Token: nonsense'
refuses 'a client session header that holds none' 400 invalid_client_session_token
ask GET /devices/list --header "Authorization: Bearer $PERSONAL_ACCESS_TOKEN"
refuses 'a personal access token without its workspace' 401 unauthorized
ask GET /devices/list --header "Authorization: Bearer $PERSONAL_ACCESS_TOKEN" --header "Seam-Workspace: $UNKNOWN_ID"
refuses 'a personal access token with an unknown workspace' 401 unauthorized
ask DELETE /locks/unlock_door
refuses 'no credential comes before a wrong method' 401 unauthorized
ask_key DELETE /locks/unlock_door
refuses 'a wrong method' 405 method_not_allowed
ask_key GET "/locks/unlock_door?device_id=$DEVICE_ID"
refuses 'a lock does not open by GET' 405 method_not_allowed

post /locks/unlock_door "{\"device_id\": \"$UNKNOWN_ID\"}"
refuses 'an unknown device' 404 device_not_found
post /locks/unlock_door '{}'
refuses 'a missing device_id' 400 invalid_input
answers 'a missing device_id: what is wrong' 400 '[.error.message, .error.validation_errors.device_id._errors[0]] | join("; ")' 'device_id is required; Required'
post /locks/unlock_door '{"device_id": "not-a-uuid"}'
refuses 'a malformed device_id' 400 invalid_input
post /locks/unlock_door '{"device_id": 42, "sync": "yes"}'
answers 'every problem at once' 400 '.error.validation_errors | keys | join(" ")' '_errors device_id sync'
post /locks/unlock_door '{"device_id": '
refuses 'not JSON' 400 invalid_input
post /locks/unlock_door '["device_id"]'
refuses 'not an object' 400 invalid_input
ask_key POST /locks/unlock_door --header 'Content-Type: text/plain' --data "{\"device_id\": \"$DEVICE_ID\"}"
refuses 'not sent as JSON' 400 invalid_content_type
ask_key POST /locks/unlock_door --header 'Content-Type: application/x-www-form-urlencoded' --data "device_id=$DEVICE_ID"
refuses 'a form' 400 invalid_content_type
post /devices/get '{}'
answers 'one of two parameters' 400 '.error.validation_errors._errors[0]' "Either 'device_id' or 'name' is required"
printf '{"device_id": "%s", "padding": "%s"}' "$DEVICE_ID" "$(head -c 1100000 /dev/zero | tr '\0' x)" >"$folder/large"
ask_key POST /locks/unlock_door --header 'Content-Type: application/json' --header 'Expect:' --data-binary "@$folder/large"
refuses 'a body over 1 MiB' 413 payload_too_large
printf '{"device_id": "%s", "deep": %s%s}' "$DEVICE_ID" "$(head -c 100000 /dev/zero | tr '\0' '[')" "$(head -c 100000 /dev/zero | tr '\0' ']')" >"$folder/deep"
ask_key POST /locks/unlock_door --header 'Content-Type: application/json' --data-binary "@$folder/deep"
refuses 'a body nested too deep' 400 invalid_input
ask_key GET /no/such/path
refuses 'an unknown path' 404 not_found
post /thermostats/cool '{}'
refuses 'a path of the official document that is not built' 501 not_implemented

post /locks/lock_door "{\"device_id\": \"$OTHER_ID\"}"
post /thumbturn/sandbox/locks/set "{\"device_id\": \"$OTHER_ID\", \"faults\": {\"jam\": 1}}"
is 'a jam is arranged' "$status" 200
post /locks/unlock_door "{\"device_id\": \"$OTHER_ID\"}"
answers 'a jam is told with its reason' 200 '.action_attempt | [.status, .error.type, .result] | map(tostring) | join(" ")' 'error lock_jammed null'
ask_key GET "/action_attempts/list?device_id=$OTHER_ID"
answers 'the failed attempt can be listed' 200 '.action_attempts[-1] | [.status, .error.type, .result] | map(tostring) | join(" ")' 'error lock_jammed null'

# --- Leaving ------------------------------------------------------------------------------------

kill -TERM "$server"
code=0
wait "$server" || code=$?
server=
status= body=
is 'SIGTERM ends the server with 0' "$code" 0

echo "$passed passed, $failed failed"
((failed == 0))
