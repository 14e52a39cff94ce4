//! Every kind of credential in every state, at every endpoint: nobody gets further than the contract says.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use thumbturn::tokens::{Token, TokenKind};
use thumbturn_api::{Credential, EndpointInfo, endpoints};
use uuid::Uuid;

use crate::app::{SUSPENDED, TestApp, WITHOUT_PUBLISHABLE, new_key, stored_session};
use crate::ask::{Ask, Reply};

/// What an endpoint answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Ok,
    Refused(u16, &'static str),
}

use Expect::{Ok as Fine, Refused};

/// What is known of an endpoint: a call that is right for the own tenant, and what others get for it.
pub(crate) struct Row {
    pub(crate) path: &'static str,
    pub(crate) body: Value,
    /// An API key or personal access token of the own workspace.
    pub(crate) own: Expect,
    /// One of another workspace, with the ids of this one.
    foreign: Expect,
    /// A session of the own workspace that was granted nothing.
    outside: Expect,
}

fn row(path: &'static str, body: Value, own: Expect, foreign: Expect, outside: Expect) -> Row {
    Row { path, body, own, foreign, outside }
}

/// One row for each endpoint.
pub(crate) async fn rows(app: &TestApp) -> Vec<Row> {
    let device = app.own.device();
    let attempt = json!({"action_attempt_id": app.unlock(0).await["action_attempt_id"]});
    let account = json!({"connected_account_id": app.own.account});
    let event = json!({"event_type": "lock.unlocked", "device_id": app.own.devices[0]});
    let session = json!({"user_identifier_key": Uuid::new_v4(), "connected_account_ids": [app.own.account]});
    let own_session = json!({"user_identifier_key": "known"});
    app.ok("/client_sessions/create", own_session.clone()).await;
    let no_device = Refused(404, "device_not_found");
    let no_account = Refused(404, "connected_account_not_found");
    let no_session = Refused(404, "client_session_not_found");
    let not_yours = Refused(401, "unauthorized");
    let nobody = json!({"client_session_id": Uuid::new_v4()});
    let grant = json!({"user_identifier_key": "known", "connected_account_ids": [app.own.account]});
    let no_space = Refused(404, "space_not_found");
    let no_identity = Refused(404, "user_identity_not_found");
    let no_entrances = Refused(400, "not_supported");
    let room = json!({"name": "Room", "device_ids": [app.own.devices[0]], "connected_account_ids": [app.own.account]});
    let space = json!({"space_id": app.post("/spaces/create", room.clone()).await.field("space")["space_id"]});
    let with = |base: &Value, name: &str, value: Value| {
        let mut whole = base.clone();
        whole[name] = value;
        whole
    };
    let devices = with(&space, "device_ids", json!([app.own.devices[0]]));
    let space_account = with(&space, "connected_account_id", json!(app.own.account));
    let entrances = with(&space, "acs_entrance_ids", json!([Uuid::new_v4()]));
    let identity = app.post("/user_identities/create", json!({"full_name": "Jane"})).await.field("user_identity");
    let identity = json!({"user_identity_id": identity["user_identity_id"]});
    let identity_device = with(&identity, "device_id", json!(app.own.devices[0]));
    let itself = with(&identity, "merged_user_identity_ids", json!([identity["user_identity_id"]]));
    let no_one = json!({"user_identity_id": Uuid::new_v4(), "is_managed": true});
    let last = json!({"device_id": app.own.devices[4]});
    let spare = json!({"connected_account_id": app.another_account(1).await.0});
    let zone = with(&device, "schlage_metadata", json!({"time_zone": "Europe/Berlin"}));
    let zones = json!({"devices": [zone]});
    let paid = with(&device, "is_expired", json!(false));
    let auto_lock = with(&device, "auto_lock_enabled", json!(false));
    let code = with(&device, "code", json!("1234"));
    let receiver = json!({"url": "https://thumbturn.invalid/hook"});
    let webhook = app.post("/webhooks/create", receiver.clone()).await.field("webhook");
    let webhook = json!({"webhook_id": webhook["webhook_id"]});
    let (no_webhook, no_delivery) = (Refused(404, "webhook_not_found"), Refused(404, "webhook_delivery_not_found"));
    let types = with(&webhook, "event_types", json!(["*"]));
    let no_hook = json!({"webhook_id": Uuid::new_v4()});
    let delivery = json!({"webhook_delivery_id": Uuid::new_v4()});
    let mut act = device.clone();
    act["action"] = json!("turn_lock");
    vec![
        row(
            "/action_attempts/get",
            attempt.clone(),
            Fine,
            Refused(404, "action_attempt_not_found"),
            Refused(404, "action_attempt_not_found"),
        ),
        row("/action_attempts/list", json!({}), Fine, Fine, Fine),
        row(
            "/thumbturn/action_attempts/evidence",
            attempt.clone(),
            Fine,
            Refused(404, "action_attempt_not_found"),
            Refused(404, "action_attempt_not_found"),
        ),
        row("/client_sessions/create", session.clone(), Fine, no_account, Fine),
        row("/client_sessions/get_or_create", session, Fine, no_account, Fine),
        row("/client_sessions/get", own_session, Fine, no_session, no_session),
        row("/client_sessions/list", json!({}), Fine, Fine, Fine),
        row("/client_sessions/grant_access", grant, Fine, no_session, Fine),
        row("/client_sessions/revoke", nobody.clone(), no_session, no_session, no_session),
        row("/client_sessions/delete", nobody, no_session, no_session, no_session),
        row("/connected_accounts/get", account.clone(), Fine, no_account, no_account),
        row("/connected_accounts/list", json!({}), Fine, Fine, Fine),
        row("/connected_accounts/update", account.clone(), Fine, no_account, no_account),
        row(
            "/connected_accounts/delete",
            json!({"connected_account_id": Uuid::new_v4()}),
            no_account,
            no_account,
            no_account,
        ),
        row(
            "/thumbturn/connected_accounts/create",
            json!({"provider": "sandbox", "config": {"locks": 1}}),
            Fine,
            Fine,
            Fine,
        ),
        row("/connected_accounts/sync", account.clone(), Fine, no_account, no_account),
        row("/connected_accounts/simulate/disconnect", spare, Fine, no_account, no_account),
        row("/devices/get", device.clone(), Fine, no_device, not_yours),
        row("/devices/delete", json!({"device_id": Uuid::new_v4()}), no_device, no_device, no_device),
        row("/devices/list_device_providers", json!({}), Fine, Fine, Fine),
        row("/devices/report_provider_metadata", zones, Fine, no_device, no_device),
        row("/devices/simulate/connect", device.clone(), Fine, no_device, no_device),
        row("/devices/simulate/disconnect", last.clone(), Fine, no_device, no_device),
        row("/devices/simulate/connect_to_hub", device.clone(), Fine, no_device, no_device),
        row("/devices/simulate/disconnect_from_hub", last.clone(), Fine, no_device, no_device),
        row("/devices/simulate/paid_subscription", paid, Fine, no_device, no_device),
        row("/devices/simulate/remove", last, Fine, no_device, no_device),
        row("/devices/list", json!({}), Fine, Fine, Fine),
        row("/devices/update", device.clone(), Fine, no_device, not_yours),
        row("/devices/unmanaged/get", device.clone(), no_device, no_device, not_yours),
        row("/devices/unmanaged/list", json!({}), Fine, Fine, Fine),
        row("/devices/unmanaged/update", device.clone(), Refused(400, "device_managed"), no_device, not_yours),
        row("/events/get", event, Fine, Refused(404, "event_not_found"), Refused(404, "event_not_found")),
        row("/events/list", json!({"since": "2000-01-01T00:00:00Z"}), Fine, Fine, Fine),
        row("/thumbturn/events/stream", json!({}), Fine, Fine, Fine),
        row("/health", json!({}), Fine, Fine, Fine),
        row("/health/get_health", json!({}), Fine, Fine, Fine),
        row("/locks/get", device.clone(), Fine, no_device, not_yours),
        row("/locks/list", json!({}), Fine, Fine, Fine),
        row("/locks/lock_door", device.clone(), Fine, no_device, not_yours),
        row("/locks/unlock_door", device.clone(), Fine, no_device, not_yours),
        row("/locks/configure_auto_lock", auto_lock, Fine, no_device, not_yours),
        row("/locks/simulate/keypad_code_entry", code, Fine, no_device, no_device),
        row("/locks/simulate/manual_lock_via_keypad", device.clone(), Fine, no_device, no_device),
        row("/thumbturn/sandbox/locks/get", device.clone(), Fine, no_device, not_yours),
        row("/thumbturn/sandbox/locks/set", device, Fine, no_device, not_yours),
        row("/thumbturn/sandbox/locks/act", act, Fine, no_device, not_yours),
        row("/spaces/create", room, Fine, no_account, not_yours),
        row("/spaces/get", space.clone(), Fine, no_space, not_yours),
        row("/spaces/list", json!({}), Fine, Fine, not_yours),
        row("/spaces/update", space.clone(), Fine, no_space, not_yours),
        row("/spaces/delete", json!({"space_id": Uuid::new_v4()}), no_space, no_space, not_yours),
        row("/spaces/add_devices", devices.clone(), Fine, no_space, not_yours),
        row("/spaces/remove_devices", devices, Fine, no_space, not_yours),
        row("/spaces/add_connected_account", space_account.clone(), Fine, no_space, not_yours),
        row("/spaces/remove_connected_account", space_account, Fine, no_space, not_yours),
        row("/spaces/add_acs_entrances", entrances.clone(), no_entrances, no_space, not_yours),
        row("/spaces/remove_acs_entrances", entrances, no_entrances, no_space, not_yours),
        row("/spaces/get_related", json!({"space_ids": [space["space_id"]]}), Fine, no_space, not_yours),
        row("/user_identities/create", json!({}), Fine, Fine, not_yours),
        row("/user_identities/get", identity.clone(), Fine, no_identity, not_yours),
        row("/user_identities/list", json!({}), Fine, Fine, Fine),
        row("/user_identities/update", identity.clone(), Fine, no_identity, not_yours),
        row("/user_identities/delete", no_one.clone(), no_identity, no_identity, not_yours),
        row("/user_identities/grant_access_to_device", identity_device.clone(), Fine, no_identity, not_yours),
        row("/user_identities/list_accessible_devices", identity, Fine, no_identity, not_yours),
        row("/user_identities/revoke_access_to_device", identity_device, Fine, no_identity, not_yours),
        row("/user_identities/merge", itself, Fine, no_identity, not_yours),
        row("/user_identities/unmanaged/get", no_one.clone(), no_identity, no_identity, not_yours),
        row("/user_identities/unmanaged/list", json!({}), Fine, Fine, Fine),
        row("/user_identities/unmanaged/update", no_one, no_identity, no_identity, no_identity),
        row("/webhooks/create", receiver, Fine, Fine, not_yours),
        row("/webhooks/get", webhook.clone(), Fine, no_webhook, not_yours),
        row("/webhooks/list", json!({}), Fine, Fine, not_yours),
        row("/webhooks/update", types, Fine, no_webhook, not_yours),
        row("/webhooks/delete", no_hook, no_webhook, no_webhook, not_yours),
        row("/thumbturn/webhooks/list_states", json!({}), Fine, Fine, not_yours),
        row("/thumbturn/webhooks/enable", webhook.clone(), Fine, no_webhook, not_yours),
        row(
            "/thumbturn/webhooks/deliveries/replay_range",
            with(&webhook, "since", json!("2020-01-01T00:00:00Z")),
            Fine,
            no_webhook,
            not_yours,
        ),
        row("/thumbturn/webhooks/rotate_secret", webhook, Fine, no_webhook, not_yours),
        row("/thumbturn/webhooks/deliveries/list", json!({}), Fine, Fine, not_yours),
        row("/thumbturn/webhooks/deliveries/get", delivery.clone(), no_delivery, no_delivery, not_yours),
        row("/thumbturn/webhooks/deliveries/replay", delivery, no_delivery, no_delivery, not_yours),
        row("/workspaces/get", json!({}), Fine, Fine, Fine),
        row("/workspaces/list", json!({}), Fine, Fine, Fine),
        row("/workspaces/create", json!({"name": "Another"}), Fine, Fine, Fine),
        row("/workspaces/update", json!({}), Fine, Fine, Fine),
        row("/workspaces/reset_sandbox", json!({}), Fine, Fine, Fine),
    ]
}

/// Who a credential is, once it is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum As {
    Own,
    Foreign,
    /// A session of the own workspace without grants.
    Outside,
    /// A session of the own workspace whose identity was granted the first device, and nothing else.
    Guest,
    Operator,
    Publishable,
    ForeignPublishable,
}

/// What a credential comes to at an endpoint that accepts its kind.
#[derive(Clone, Copy, Debug)]
enum Comes {
    In(As),
    Out(u16, &'static str),
}

/// One credential: its headers, and the kinds it may pass for, in the contract's order of trying.
struct Case {
    name: &'static str,
    headers: Vec<(&'static str, String)>,
    ways: Vec<(Credential, Comes)>,
}

fn case(name: &'static str, headers: &[(&'static str, &str)], ways: &[(Credential, Comes)]) -> Case {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Case { name, headers, ways: ways.to_vec() }
}

const NOBODY: Comes = Comes::Out(401, "unauthorized");

async fn cases(app: &TestApp) -> Vec<Case> {
    use Credential::{ApiKey, ClientSession, PatWithWorkspace, PatWithoutWorkspace, PublishableKey};
    use TokenKind as Kind;
    let now = Timestamp::now();
    let (own, foreign) = (&app.own, &app.foreign);
    let (own_id, foreign_id) = (own.workspace.to_string(), foreign.workspace.to_string());
    let store = &app.store;
    let bearer = |token: &str| format!("Bearer {token}");
    let unknown = |kind: Kind| Token::random(kind, true).reveal();
    let half = |token: &str| format!("{}_{}", token.rsplit_once('_').unwrap().0, "1".repeat(24));

    let revoked_key = new_key(store, Kind::ApiKey, Some(own.workspace), Some(now)).await;
    let revoked_pat = new_key(store, Kind::PersonalAccessToken, None, Some(now)).await;
    let revoked_pk = new_key(store, Kind::PublishableKey, Some(own.workspace), Some(now)).await;
    let later = now + SignedDuration::from_hours(1);
    let granted = stored_session(store, own.workspace, &[own.account], later, None).await;
    let outside = stored_session(store, own.workspace, &[], later, None).await;
    let abroad = stored_session(store, foreign.workspace, &[foreign.account], later, None).await;
    let (guest, _) = self::guest(app).await;
    let (former, grant) = self::guest(app).await;
    app.send(Ask::post("/devices/get").bearer(&former).json(app.own.device())).await.ok();
    app.ok("/user_identities/revoke_access_to_device", grant).await;
    let expired = stored_session(store, own.workspace, &[own.account], now, None).await;
    let revoked = stored_session(store, own.workspace, &[own.account], later, Some(now)).await;

    let mut cases = vec![
        case("nothing", &[], &[]),
        case("an empty bearer", &[("authorization", "Bearer ")], &[(ApiKey, NOBODY)]),
        case("another scheme", &[("authorization", "Basic c2VhbTp4")], &[]),
        case("a token without a scheme", &[("authorization", &own.api_key)], &[]),
        case("a token in the query is none", &[("x-api-key", &own.api_key)], &[]),
        case("a JWT", &[("authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x")], &[]),
        case("a workspace alone", &[("seam-workspace", &own_id)], &[]),
    ];
    for (name, token, comes) in [
        ("an API key", own.api_key.clone(), Comes::In(As::Own)),
        ("an API key of another workspace", foreign.api_key.clone(), Comes::In(As::Foreign)),
        ("a revoked API key", revoked_key, NOBODY),
        ("an unknown API key", unknown(Kind::ApiKey), NOBODY),
        ("an API key with a wrong secret half", half(&own.api_key), NOBODY),
        ("a malformed API key", "seam_".to_owned(), NOBODY),
        ("nonsense", "no token at all".to_owned(), NOBODY),
    ] {
        cases.push(case(name, &[("authorization", &bearer(&token))], &[(ApiKey, comes)]));
        // A workspace header means nothing to an API key.
        let headers = [("authorization", &*bearer(&token)), ("seam-workspace", &*foreign_id)];
        cases.push(case(name, &headers, &[(ApiKey, comes)]));
    }
    cases.push(case(
        "a scheme in capitals",
        &[("authorization", &format!("BEARER {}", own.api_key))],
        &[(ApiKey, Comes::In(As::Own))],
    ));
    for (name, token, workspace, comes) in [
        ("a token for its workspace", &own.pat, &*own_id, Comes::In(As::Own)),
        ("a token for another workspace", &foreign.pat, &*own_id, NOBODY),
        ("a token for all", &app.pat, &own_id, Comes::In(As::Own)),
        ("a token for all, elsewhere", &app.pat, &foreign_id, Comes::In(As::Foreign)),
        ("a token for all, nowhere", &app.pat, &Uuid::new_v4().to_string(), NOBODY),
        ("a token for all and nonsense", &app.pat, "nonsense", NOBODY),
        ("a revoked token", &revoked_pat, &own_id, NOBODY),
        ("an unknown token", &unknown(Kind::PersonalAccessToken), &own_id, NOBODY),
        ("a token with a wrong secret half", &half(&app.pat), &own_id, NOBODY),
        ("a malformed token", &"seam_at".to_owned(), &own_id, NOBODY),
    ] {
        let headers = [("authorization", &*bearer(token)), ("seam-workspace", workspace)];
        // With the header it is never taken for a token without.
        cases.push(case(name, &headers, &[(PatWithWorkspace, comes)]));
    }
    for (name, token, comes) in [
        ("a token for all without workspace", &app.pat, Comes::In(As::Operator)),
        ("a bound token without workspace", &own.pat, Comes::In(As::Operator)),
        ("a revoked token without workspace", &revoked_pat, NOBODY),
        ("an unknown token without workspace", &unknown(Kind::PersonalAccessToken), NOBODY),
    ] {
        cases.push(case(name, &[("authorization", &bearer(token))], &[(PatWithoutWorkspace, comes)]));
        let headers = [("authorization", &*bearer(token)), ("seam-workspace", "")];
        cases.push(case(name, &headers, &[(PatWithoutWorkspace, comes)]));
    }
    for (name, token, comes) in [
        ("a session", granted.clone(), Comes::In(As::Own)),
        ("a session without grants", outside, Comes::In(As::Outside)),
        ("a session of an identity with a grant", guest, Comes::In(As::Guest)),
        ("a session of an identity without its grant", former, Comes::In(As::Outside)),
        ("a session of another workspace", abroad, Comes::In(As::Foreign)),
        ("an expired session", expired, Comes::Out(401, "client_session_expired")),
        ("a revoked session", revoked, Comes::Out(401, "client_session_revoked")),
        ("an unknown session", unknown(Kind::ClientSession), Comes::Out(401, "client_session_not_found")),
        ("a session with a wrong secret half", half(&granted), Comes::Out(401, "client_session_not_found")),
        ("a malformed session", "seam_cst".to_owned(), Comes::Out(401, "client_session_not_found")),
    ] {
        let bearer = bearer(&token);
        for headers in [
            vec![("authorization", &*bearer)],
            vec![("client-session-token", &*token)],
            vec![("seam-client-session-token", &*token)],
            vec![("authorization", &*bearer), ("client-session-token", &*token)],
        ] {
            cases.push(case(name, &headers, &[(ClientSession, comes)]));
        }
        // The dedicated header decides wherever sessions are allowed; elsewhere it is not looked at.
        let headers = [("authorization", &*format!("Bearer {}", own.api_key)), ("client-session-token", &*token)];
        cases.push(case(name, &headers, &[(ClientSession, comes), (ApiKey, Comes::In(As::Own))]));
    }
    let wrong = Comes::Out(400, "invalid_client_session_token");
    for text in ["", "nonsense", &own.api_key] {
        cases.push(case(
            "a session header without a session",
            &[("client-session-token", text)],
            &[(ClientSession, wrong)],
        ));
    }
    let nowhere = Comes::Out(0, "workspace_not_found"); // 401, on get_or_create 400
    for (name, token, comes) in [
        ("a publishable key", &*own.publishable_key, Comes::In(As::Publishable)),
        ("a publishable key of another workspace", &foreign.publishable_key, Comes::In(As::ForeignPublishable)),
        ("a revoked publishable key", &revoked_pk, nowhere),
        ("an unknown publishable key", &unknown(Kind::PublishableKey), nowhere),
        ("a malformed publishable key", "seam_pk", nowhere),
        ("an API key as publishable key", &own.api_key, nowhere),
    ] {
        cases.push(case(name, &[("seam-publishable-key", token)], &[(PublishableKey, comes)]));
        let bearer = bearer(token);
        cases.push(match comes {
            Comes::In(_) => case("a publishable key as bearer", &[("authorization", &bearer)], &[]),
            _ => case(
                "a publishable key beside a bearer",
                &[("authorization", "Bearer x"), ("seam-publishable-key", token)],
                &[(ApiKey, NOBODY)],
            ),
        });
    }
    let twice = [("seam-publishable-key", &*own.publishable_key), ("seam-publishable-key", &*own.publishable_key)];
    cases.push(case("two publishable keys", &twice, &[(PublishableKey, Comes::Out(401, "invalid_publishable_key"))]));
    cases
}

/// What a grant of the device that the rows are about opens, and what it does not: its account.
const OPENED_BY_A_GRANT: &[&str] = &[
    "/action_attempts/get",
    "/thumbturn/action_attempts/evidence",
    "/devices/get",
    "/devices/update",
    "/devices/unmanaged/get",
    "/events/get",
    "/locks/configure_auto_lock",
    "/locks/get",
    "/locks/lock_door",
    "/locks/unlock_door",
];

/// The token of a session of an identity that was granted the first device of the own tenant.
async fn guest(app: &TestApp) -> (String, Value) {
    let identity = app.post("/user_identities/create", json!({})).await.field("user_identity");
    let grant = json!({"user_identity_id": identity["user_identity_id"], "device_id": app.own.devices[0]});
    app.ok("/user_identities/grant_access_to_device", grant.clone()).await;
    let body = json!({"user_identity_id": identity["user_identity_id"]});
    let session = app.post("/client_sessions/create", body).await.field("client_session");
    (session["token"].as_str().unwrap().to_owned(), grant)
}

fn expected(app: &TestApp, endpoint: &EndpointInfo, row: &Row, case: &Case) -> Expect {
    if endpoint.path == "/workspaces/create" {
        // Only for a token that opens every workspace, whether one is named or not.
        let opens_all = case.headers.iter().any(|(_, value)| *value == format!("Bearer {}", app.pat));
        return if opens_all { row.own } else { Refused(401, "unauthorized") };
    }
    if endpoint.auth.contains(&Credential::Public) {
        return Fine;
    }
    let Some((kind, comes)) = case.ways.iter().find(|(kind, _)| endpoint.auth.contains(kind)) else {
        return Refused(401, "unauthorized");
    };
    match comes {
        Comes::Out(0, kind) => Refused(if endpoint.path.ends_with("get_or_create") { 400 } else { 401 }, kind),
        Comes::Out(status, kind) => Refused(*status, kind),
        Comes::In(As::Own) if *kind == Credential::ClientSession && endpoint.path == "/client_sessions/get" => {
            Refused(404, "client_session_not_found") // it asks for another session than itself
        }
        Comes::In(As::Own) => row.own,
        Comes::In(As::Foreign) => row.foreign,
        Comes::In(As::Guest) if OPENED_BY_A_GRANT.contains(&row.path) => row.own,
        Comes::In(As::Outside | As::Guest) => row.outside,
        Comes::In(As::Operator) => Fine,
        // The rows grant accounts, which a publishable key may not.
        Comes::In(As::Publishable | As::ForeignPublishable) => {
            Refused(403, "publishable_keys_must_create_empty_client_sessions")
        }
    }
}

fn is_foreign(case: &Case) -> bool {
    case.ways.iter().any(|(_, comes)| matches!(comes, Comes::In(As::Foreign | As::Outside | As::ForeignPublishable)))
}

fn matches(answer: &Reply, expected: Expect) -> bool {
    match expected {
        Fine => answer.status == 200,
        Refused(status, kind) => answer.refusal() == (status, kind),
    }
}

#[tokio::test]
async fn no_credential_gets_further_than_the_contract_says() {
    let app = TestApp::start().await;
    let rows = rows(&app).await;
    let cases = cases(&app).await;
    let endpoints = endpoints();
    let mut wrong = Vec::new();
    for endpoint in &endpoints {
        let found: Vec<&Row> = rows.iter().filter(|row| row.path == endpoint.path).collect();
        let [row] = found.as_slice() else { panic!("{} needs a row, exactly one", endpoint.path) };
        for case in &cases {
            let mut body = row.body.clone();
            if body.get("user_identifier_key").is_some_and(|key| key != "known") {
                body["user_identifier_key"] = json!(Uuid::new_v4());
            }
            let mut ask = Ask::new(http::Method::POST, endpoint.path).json(body);
            for (name, value) in &case.headers {
                ask = ask.header(name, value);
            }
            let answer = app.send(ask).await;
            let expected = expected(&app, endpoint, row, case);
            if !matches(&answer, expected) {
                let got = (answer.status.as_u16(), &answer.body["error"]["type"]);
                wrong.push(format!(
                    "{} with {} ({:?}): {got:?}, not {expected:?}",
                    endpoint.path, case.name, case.headers
                ));
            }
            assert!(
                !is_foreign(case)
                    || case.headers.iter().any(|(_, value)| value.contains(&app.own.api_key))
                    || !tells_of_own(&app, &answer, case),
                "{} told {} something: {:#}",
                endpoint.path,
                case.name,
                answer.body
            );
            assert!(!tells_guest_of_others(&app, &answer, case), "{} told a guest: {:#}", endpoint.path, answer.body);
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(rows.len(), endpoints.len(), "a row without an endpoint");
    app.post("/connected_accounts/get", json!({"connected_account_id": app.own.account})).await.ok();
}

/// Whether a successful answer names a device that was not granted to a guest.
fn tells_guest_of_others(app: &TestApp, answer: &Reply, case: &Case) -> bool {
    let is_guest = case.ways.iter().any(|(_, comes)| matches!(comes, Comes::In(As::Guest)))
        && !case.headers.iter().any(|(_, value)| value.contains(&app.own.api_key));
    let text = answer.body.to_string();
    is_guest && answer.status == 200 && app.own.devices[1..].iter().any(|id| text.contains(&id.to_string()))
}

/// Whether a successful answer names something that the caller must not see.
fn tells_of_own(app: &TestApp, answer: &Reply, case: &Case) -> bool {
    if answer.status != 200 {
        return false;
    }
    let text = answer.body.to_string();
    let outside = case.ways.iter().any(|(_, comes)| matches!(comes, Comes::In(As::Outside)));
    let workspace = !outside && text.contains(&app.own.workspace.to_string());
    workspace
        || text.contains(&app.own.account.to_string())
        || app.own.devices.iter().any(|id| text.contains(&id.to_string()))
}

#[tokio::test]
async fn a_key_revoked_while_the_server_runs_is_refused_at_once() {
    let app = TestApp::start().await;
    let ask = || Ask::get("/devices/list").bearer(&app.own.api_key);
    assert_eq!(app.send(ask()).await.status, 200);
    let keys = app.store.keys(None).await.unwrap();
    let key = keys.iter().find(|key| app.own.api_key.contains(&key.short)).unwrap();
    let revoked = thumbturn_core::change::Change::KeyRevoked { key: key.id, at: Timestamp::now() };
    app.store.commit(revoked).await.unwrap();
    app.send(ask()).await.assert_refused(401, "unauthorized");
}

#[tokio::test]
async fn a_suspended_workspace_can_be_read_and_not_changed() {
    let app = TestApp::with(SUSPENDED, &[]).await;
    for endpoint in endpoints() {
        if endpoint.path.starts_with("/workspaces/") && endpoint.changes {
            continue; // one makes another workspace, the other is the way out
        }
        let answer = app.send(Ask::post(endpoint.path).bearer(&app.own.api_key)).await;
        if endpoint.changes {
            answer.assert_refused(403, "workspace_suspended");
        } else {
            assert_ne!(answer.status, 403, "{}", endpoint.path);
        }
    }
    assert_eq!(app.get("/workspaces/get").await.field("workspace")["is_suspended"], true);
    app.ok("/workspaces/update", json!({"is_suspended": false})).await;
    assert_eq!(app.unlock(0).await["status"], "success");
    app.ok("/workspaces/update", json!({"is_suspended": true})).await;
    app.post("/locks/unlock_door", app.own.device()).await.assert_refused(403, "workspace_suspended");
    let foreign = Ask::post("/locks/unlock_door").bearer(&app.foreign.api_key).json(app.foreign.device());
    assert_eq!(app.send(foreign).await.field("action_attempt")["status"], "success");
}

#[tokio::test]
async fn publishable_keys_can_be_switched_off() {
    let app = TestApp::with(WITHOUT_PUBLISHABLE, &[]).await;
    for path in ["/client_sessions/create", "/client_sessions/get_or_create"] {
        let ask = Ask::post(path).header("seam-publishable-key", &app.own.publishable_key);
        app.send(ask.json(json!({"user_identifier_key": "u"}))).await.assert_refused(401, "unauthorized");
    }
}
