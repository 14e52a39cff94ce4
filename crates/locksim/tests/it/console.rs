//! The lines a person types, and the program that reads them.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use thumbturn_locksim::console::{Said, obey};
use thumbturn_locksim::{Bolt, Mosquitto};

use crate::support::{SOON, Scene};

#[tokio::test]
async fn lines_are_obeyed_or_explained() {
    let scene = Scene::zigbee().await;
    let text = |text: &str| Said::Text(text.to_owned());
    assert_eq!(obey(&scene.sim, "hand lock-001 unlock").await, text("ok"));
    assert_eq!(scene.sim.lock("lock-001").bolt(), Bolt::Unlocked);
    assert_eq!(obey(&scene.sim, "jam lock-001").await, text("ok"));
    assert_eq!(obey(&scene.sim, "keypad lock-001 3").await, text("ok"));
    assert_eq!(scene.sim.lock("lock-001").moves(), 3);
    assert_eq!(obey(&scene.sim, r#"jam "no door""#).await, text(r#"? there is no lock "no door""#));
    assert_eq!(obey(&scene.sim, "battery lock-001 full").await, text(r#"? "full" is not a fitting number"#));
    assert_eq!(obey(&scene.sim, "fault lock-001 refuse").await, text("ok"));
    assert_eq!(obey(&scene.sim, "").await, text(""));
    assert_eq!(obey(&scene.sim, "quit").await, Said::Quit);
    scene.state("lock-001", "action", "unlock").await;
}

#[tokio::test]
async fn the_program_prints_each_move() {
    let broker = Mosquitto::start().await.unwrap();
    for (dialect, locks) in [("zigbee2mqtt", "3"), ("homeassistant", "5")] {
        let arguments = ["--broker", &broker.broker().url(), "--locks", locks, "--dialect", dialect];
        let mut child = Command::new(env!("CARGO_BIN_EXE_locksim"))
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let stdout = child.stdout.take().unwrap();
        let reader = tokio::task::spawn_blocking(move || {
            let moved = |line: &String| line.ends_with("lock-001: Locked -> Unlocked (Hand)");
            BufReader::new(stdout).lines().map_while(Result::ok).any(|line| moved(&line))
        });
        writeln!(stdin, "hand lock-001 unlock\nhand lock-001 lock\nquit").unwrap();
        let printed = tokio::time::timeout(SOON, reader).await.unwrap().unwrap();
        // It quits by itself; the kill only cuts a failing test short.
        let status = if printed { child.wait() } else { child.kill().and_then(|()| child.wait()) };
        assert!(printed && status.unwrap().success());
    }
}
