//! The commands that end by themselves: what they print, and what they say when they cannot.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::program::{Ended, run, run_unread};

fn data_dir(dir: &TempDir) -> String {
    dir.path().join("data").display().to_string()
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"))
}

#[test]
fn init_tells_the_secrets_once_and_the_ids_again() {
    let dir = TempDir::new().unwrap();
    let data = data_dir(&dir);
    let first = run(&["init", "--data-dir", &data, "--json"], &[]);
    assert_eq!((first.code, &*first.err), (0, ""));
    let made = json(&first);
    let names: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(names, ["api_key", "devices", "personal_access_token", "publishable_key", "workspace_id"]);
    for (name, prefix) in
        [("api_key", "seam_test"), ("personal_access_token", "seam_at1"), ("publishable_key", "seam_pk1")]
    {
        assert!(made[name].as_str().unwrap().starts_with(prefix), "{made:#}");
    }
    let shown: Vec<&str> =
        made["devices"].as_array().unwrap().iter().map(|device| device["display_name"].as_str().unwrap()).collect();
    assert_eq!(shown, ["Front Door", "Back Door", "Garage", "Side Gate", "Office"]);

    let again = json(&run(&["init", "--data-dir", &data, "--json"], &[]));
    assert_eq!(again["already_set_up"], true);
    for name in ["workspace_id", "publishable_key", "devices"] {
        assert_eq!(again[name], made[name], "{name}");
    }
    assert_eq!((again.get("api_key"), again.get("personal_access_token")), (None, None));
    let for_people = run(&["init", "--data-dir", &data], &[]);
    assert!(for_people.out.contains(made["workspace_id"].as_str().unwrap()), "{for_people:?}");
    for secret in ["api_key", "personal_access_token"] {
        assert!(!for_people.out.contains(made[secret].as_str().unwrap()));
    }
}

#[test]
fn only_its_owner_may_read_the_data_directory() {
    let dir = TempDir::new().unwrap();
    let data = data_dir(&dir);
    assert_eq!(run(&["init", "--data-dir", &data], &[]).code, 0);
    assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
    for entry in fs::read_dir(&data).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn a_secret_at_rest_is_not_in_clear() {
    let dir = TempDir::new().unwrap();
    let data = data_dir(&dir);
    let made = json(&run(&["init", "--data-dir", &data, "--json"], &[]));
    for name in ["api_key", "personal_access_token"] {
        let secret = made[name].as_str().unwrap().rsplit_once('_').unwrap().1;
        for entry in fs::read_dir(&data).unwrap() {
            let bytes = fs::read(entry.unwrap().path()).unwrap();
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{name}");
        }
    }
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    let dir = TempDir::new().unwrap();
    let data = data_dir(&dir);
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path.display().to_string()
    };
    let unknown = file("unknown.toml", "[actions]\nhold = 5\n");
    let wrong = file("wrong.toml", "[limits]\nlock_actions_per_minute = \"many\"\n");
    let range = file("range.toml", "[retention]\nevents_days = 0\n");
    let broken = file("broken.toml", "listen = \n");
    let missing = dir.path().join("missing.toml").display().to_string();
    for (args, variables, expected) in [
        (vec!["--config", &unknown], vec![], vec!["unknown.toml", "hold"]),
        (vec!["--config", &wrong], vec![], vec!["wrong.toml", "lock_actions_per_minute"]),
        (vec!["--config", &range], vec![], vec!["retention.events_days is 0", "1 to 3650"]),
        (vec!["--config", &broken], vec![], vec!["broken.toml", "TOML"]),
        (vec!["--config", &missing], vec![], vec!["missing.toml"]),
        (vec!["--listen", "nowhere"], vec![], vec!["listen"]),
        (vec!["--database-url", "mysql://u:hunter2@h/d"], vec![], vec!["database_url", "left out"]),
        (
            vec![],
            vec![("THUMBTURN_DATABASE_URL", "postgres://u:hunter2@h/d?sslmode=x")],
            vec!["database_url", "sslmode"],
        ),
        (vec![], vec![("THUMBTURN_ACTIONS__HOLD_MSS", "5")], vec!["THUMBTURN_ACTIONS__HOLD_MSS", "hold_mss"]),
        (vec![], vec![("THUMBTURN_ACTIONS__HOLD_MS", "-5")], vec!["THUMBTURN_ACTIONS__HOLD_MS"]),
        (vec![], vec![("THUMBTURN_ACTIONS__DEADLINE_MS", "5")], vec!["actions.deadline_ms is 5", "1000 to 600000"]),
        (vec![], vec![("THUMBTURN_CORS__ALLOWED_ORIGINS", "*")], vec!["cors.allowed_origins", "https://app.example"]),
    ] {
        let mut all = vec!["serve", "--data-dir", &data];
        all.extend(args);
        let ended = run(&all, &variables);
        assert_eq!(ended.code, 1, "{ended:?}");
        for part in expected {
            assert!(ended.err.contains(part), "{part} is not in {}", ended.err);
        }
        assert!(!ended.err.contains("hunter2"), "{}", ended.err);
        assert!(!Path::new(&data).exists(), "a bad setting left something behind");
    }
}

#[test]
fn the_default_settings_are_settings() {
    let dir = TempDir::new().unwrap();
    let defaults = run(&["default-config"], &[]);
    assert_eq!(defaults.code, 0);
    let file = dir.path().join("thumbturn.toml");
    fs::write(&file, &defaults.out).unwrap();
    let data = data_dir(&dir);
    let ended = run(&["init", "--data-dir", &data, "--config", &file.display().to_string()], &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn keys_of_a_stopped_server_are_made_listed_and_revoked() {
    let dir = TempDir::new().unwrap();
    let data = data_dir(&dir);
    let made = json(&run(&["init", "--data-dir", &data, "--json"], &[]));
    let keys = |args: &[&str]| {
        let mut all = vec!["keys"];
        all.extend(args);
        all.extend(["--data-dir", &data, "--json"]);
        run(&all, &[])
    };
    assert_eq!(json(&keys(&["list"])).as_array().unwrap().len(), 3);
    for (kind, prefix, workspace) in [
        ("api_key", "seam_", made["workspace_id"].clone()),
        ("personal_access_token", "seam_at1", Value::Null),
        ("publishable_key", "seam_pk1", made["workspace_id"].clone()),
    ] {
        let new = json(&keys(&["create", "--kind", kind, "--name", "Anna’s"]));
        let new = &new.as_array().unwrap()[0];
        assert!(new["token"].as_str().unwrap().starts_with(prefix));
        assert_eq!((&new["kind"], &new["name"], &new["workspace_id"]), (&kind.into(), &"Anna’s".into(), &workspace));
        let short = new["short"].as_str().unwrap();
        let revoked = json(&keys(&["revoke", short]));
        assert!(revoked[0]["revoked_at"].is_string());
        assert_eq!(json(&keys(&["revoke", new["key_id"].as_str().unwrap()])), revoked, "twice is once");
    }
    let bound = json(&keys(&[
        "create",
        "--kind",
        "personal_access_token",
        "--workspace",
        made["workspace_id"].as_str().unwrap(),
    ]));
    assert_eq!(bound[0]["workspace_id"], made["workspace_id"]);
    let listed = keys(&["list"]);
    assert_eq!(json(&listed).as_array().unwrap().len(), 7);
    assert!(!listed.out.contains("\"token\""));
    for (args, expected) in [
        (vec!["revoke", "nothing"], "nothing"),
        (vec!["create", "--workspace", "0d7a1c54-3b0e-4c5e-8d6f-9a1b2c3d4e5f"], "0d7a1c54"),
    ] {
        let ended = keys(&args);
        assert_eq!(ended.code, 1);
        assert!(ended.err.contains(expected), "{ended:?}");
    }
}

#[test]
fn keys_make_no_database_where_there_is_none() {
    let dir = TempDir::new().unwrap();
    let data = data_dir(&dir);
    for make_folder in [false, true] {
        if make_folder {
            fs::create_dir(&data).unwrap();
        }
        let ended = run(&["keys", "list", "--data-dir", &data], &[]);
        assert_eq!(ended.code, 1);
        assert!(ended.err.contains("nothing is set up in") && ended.err.contains(&data), "{ended:?}");
        assert!(!dir.path().join("data/thumbturn.db").exists());
    }
}

/// `thumbturn keys list | head -1` leaves before everything is written.
#[test]
fn who_reads_no_further_is_no_failure() {
    let dir = TempDir::new().unwrap();
    let data = data_dir(&dir);
    assert_eq!(run(&["init", "--data-dir", &data], &[]).code, 0);
    for args in
        [&["keys", "list"][..], &["workspaces", "list", "--json"], &["hubs", "list"], &["init"], &["webhooks", "list"]]
    {
        let mut all = args.to_vec();
        all.extend(["--data-dir", &data]);
        let ended = run_unread(&all);
        assert_eq!((ended.code, &*ended.err), (0, ""), "{args:?}");
    }
    assert_eq!(run_unread(&["default-config"]).code, 0);
}
