//! The lines a person types at a running simulation.

use std::time::Duration;

use crate::{Fault, LockSpec, Make, Order, Sim, Style, Told, Typed};

/// What can be typed.
pub const HELP: &str = "\
hand NAME lock|unlock [quiet]      turn the knob (quiet: the lock does not report it)
keypad NAME SLOT|wrong             type the code of a slot, or a wrong one
code NAME DIGITS                   type these digits
relock NAME                        the lock throws its bolt by itself
jam NAME                           block the bolt now
battery NAME PERCENT               report a charge
fault NAME WORD                    ack-without-move refuse jam-on-lock jam-on-unlock mute lost-answer unreachable
                                   silent late-answer no-action action-first double-report read-fails stale-get
                                   repeat-report slow
heal NAME                          no faults any more
online NAME | offline NAME         what the hub says of it
add NAME | remove NAME             a lock joins or leaves
die | revive | restart             the hub's process
freeze SECONDS                     the hub hangs
forget                             clear what the broker keeps for the hub
status                             every lock
quit";

/// What a line came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Something to print.
    Text(String),
    /// The person wants to go.
    Quit,
}

/// Does what a line says. A name with blanks is written in double quotes.
pub async fn obey(sim: &Sim, line: &str) -> Said {
    let words = words(line);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [] => Ok(String::new()),
        ["quit" | "exit"] => return Said::Quit,
        ["help" | "?"] => Ok(HELP.to_owned()),
        ["status"] => Ok(status(sim)),
        ["die"] => {
            sim.die().await;
            ok()
        }
        ["revive" | "restart"] => sim.restart().await.map(|()| "ok".to_owned()).map_err(|error| error.to_string()),
        ["freeze", seconds] => number(seconds).map(|s: u64| sim.freeze(Duration::from_secs(s))).and_then(|()| ok()),
        ["forget"] => {
            sim.lose_retained();
            ok()
        }
        ["add", name] => add(sim, name),
        [what, name, rest @ ..] => on_lock(sim, what, name, rest),
        [other] => Err(format!("{other:?} is not understood; try: help")),
    };
    Said::Text(done.unwrap_or_else(|problem| format!("? {problem}")))
}

fn ok() -> Result<String, String> {
    Ok("ok".to_owned())
}

fn add(sim: &Sim, name: &str) -> Result<String, String> {
    if sim.find_lock(name).is_some() {
        return Err(format!("{name:?} exists"));
    }
    sim.add_lock(LockSpec::new(name).make(Make::YaleAssure).style(Style::EspHome));
    ok()
}

fn on_lock(sim: &Sim, what: &str, name: &str, rest: &[&str]) -> Result<String, String> {
    let lock = sim.find_lock(name).ok_or_else(|| format!("there is no lock {name:?}"))?;
    match (what, rest) {
        ("hand", ["lock"]) => lock.turn_by_hand(Order::Lock, Told::Manual),
        ("hand", ["unlock"]) => lock.turn_by_hand(Order::Unlock, Told::Manual),
        ("hand", ["lock", "quiet"]) => lock.turn_by_hand(Order::Lock, Told::Not),
        ("hand", ["unlock", "quiet"]) => lock.turn_by_hand(Order::Unlock, Told::Not),
        ("keypad", ["wrong"]) => {
            lock.keypad(&Typed::Wrong);
        }
        ("keypad", [slot]) => {
            lock.keypad(&Typed::Slot(number(slot)?));
        }
        ("code", [digits]) => {
            let opened = lock.keypad(&Typed::Digits((*digits).to_owned()));
            return Ok(if opened { "opened" } else { "wrong code" }.to_owned());
        }
        ("relock", []) => lock.auto_relock(),
        ("jam", []) => lock.jam_now(),
        ("battery", [level]) => lock.battery(number(level)?),
        ("fault", [word]) => lock.set_fault(fault(word)?),
        ("heal", []) => lock.clear_faults(),
        ("online", []) => sim.set_available(name, true),
        ("offline", []) => sim.set_available(name, false),
        ("remove", []) => sim.remove_lock(name),
        _ => return Err(format!("{what:?} is not understood; try: help")),
    }
    ok()
}

fn status(sim: &Sim) -> String {
    let line = |lock: std::sync::Arc<crate::Lock>| {
        let (name, bolt, moves, commands) = (lock.first_name(), lock.bolt(), lock.moves(), lock.commands().len());
        format!("{name}: {bolt:?}, {moves} moves, {commands} commands, id {}", lock.id())
    };
    sim.locks().into_iter().map(line).collect::<Vec<_>>().join("\n")
}

fn fault(word: &str) -> Result<Fault, String> {
    Ok(match word {
        "ack-without-move" => Fault::AckWithoutMove,
        "refuse" => Fault::Refuse,
        "jam-on-lock" => Fault::JamOnLock,
        "jam-on-unlock" => Fault::JamOnUnlock,
        "mute" => Fault::Mute,
        "lost-answer" => Fault::LOST_ANSWER,
        "unreachable" => Fault::UNREACHABLE,
        "silent" => Fault::SILENT,
        "late-answer" => Fault::LATE_ANSWER,
        "no-action" => Fault::NoAction,
        "action-first" => Fault::ActionFirst,
        "double-report" => Fault::DoubleReport,
        "read-fails" => Fault::READ_FAILS,
        "stale-get" => Fault::StaleGet,
        "repeat-report" => Fault::RepeatReport { after: Duration::from_millis(4500) },
        "slow" => Fault::Motor(Duration::from_secs(8)),
        other => return Err(format!("{other:?} is no fault")),
    })
}

fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("{word:?} is not a fitting number"))
}

/// The words of a line; double quotes keep blanks together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (n, part) in line.split('"').enumerate() {
        if n % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::words;

    #[test]
    fn a_quoted_name_is_one_word() {
        assert_eq!(words(r#"hand "floor 1/room 101" lock"#), ["hand", "floor 1/room 101", "lock"]);
    }
}
