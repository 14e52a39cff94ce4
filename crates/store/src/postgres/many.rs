//! The same statement of many changes as one over lists: what an unlock writes costs the database a fraction of five
//! statements then (figures: docs/performance.md).
//!
//! Only statements that touch a row of their own each are put together, and never across one that is not: so the order in
//! which changes see each other stays. Whatever goes wrong is found out when the changes are tried one by one.

use std::collections::HashSet;

use tokio_postgres::types::Type;

use super::execute::Bound;
use crate::statement::{Expect, Statement, Value};
use crate::writer::{Plan, Waiting};
use crate::{attempts, deliveries, devices, events, replays};

/// Statements that are written for nearly every change, or many times for one.
const OFTEN: [&str; 8] = [
    attempts::ACCEPT,
    attempts::ACCEPT_IN_TURN,
    attempts::TAKE,
    attempts::END,
    devices::WRITE_STATE,
    events::INSERT,
    deliveries::INSERT,
    replays::AGAIN,
];

/// Those that a change of which they are all may fail at without the others: the first value is the attempt that they touch.
const EACH: [&str; 4] = [attempts::ACCEPT, attempts::ACCEPT_IN_TURN, attempts::LEAVE, attempts::TAKE];

/// What those conflict under that may touch any number of rows.
const UNNAMED: &str = "row";

/// Where the device is among the values of [`attempts::LEAVE`].
const LEFT_AT: usize = 3;

/// Takes times for the events in the list from the common clock, and writes them with these: behind the lists come the time
/// before which no event is, and how many they are. Whoever asks the clock next waits for the commit.
const EVENTS: &str = "WITH tick AS (UPDATE event_clock SET last_event = GREATEST(last_event + 1, {clock}::INT8) \
     + {count}::INT8 - 1 RETURNING last_event - {count}::INT8 AS before) \
     {head} SELECT {columns}, tick.before + m.place FROM tick, \
     UNNEST({lists}) WITH ORDINALITY AS m ({names}, place) ORDER BY m.place";

/// How the statements of a group go out in a batch of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// As it is: there is one, and it may touch any number of rows.
    Alone,
    /// As one that takes everything back unless it touches a row for each.
    All,
    /// As one that names the attempts that it touched.
    Each,
    /// Events, with the clock.
    Events,
}

impl Form {
    /// The text for statements of the text `sql` over values of these types; `None` if there is none.
    pub(super) fn text(self, sql: &str, kinds: &[Type]) -> Option<String> {
        match self {
            Self::Alone => None,
            Self::Each => Some(over_lists(sql, kinds)? + " RETURNING id"),
            Self::All => {
                let (many, of) = (over_lists(sql, kinds)?, name_of(kinds.first()?)?);
                Some(format!(
                    "WITH done AS ({many} RETURNING 1) SELECT 1 / (COUNT(*) = CARDINALITY($1::{of}[]))::INT FROM done"
                ))
            }
            Self::Events => {
                let (_, kinds) = kinds.split_last()?;
                let (lists, names) = lists(kinds)?;
                let columns = names.iter().map(|name| format!("m.{name}")).collect::<Vec<_>>().join(", ");
                let (head, _) = sql.split_once(" VALUES (")?;
                let text = EVENTS.replace("{head}", head).replace("{columns}", &columns);
                let text = text.replace("{lists}", &lists.join(", ")).replace("{names}", &names.join(", "));
                let text = text.replace("{clock}", &format!("${}", kinds.len() + 1));
                Some(text.replace("{count}", &format!("${}", kinds.len() + 2)))
            }
        }
    }
}

/// The only statement of a change.
pub(super) fn only(plan: &Plan) -> Option<&Statement> {
    match &*plan.statements {
        [one] => Some(one),
        _ => None,
    }
}

/// Whether changes that are but such a statement may fail each by itself.
pub(super) fn is_each(sql: &str) -> bool {
    EACH.contains(&sql)
}

/// Under which name a change conflicts whose statement touches no row.
pub(super) const fn conflict_of(statement: &Statement) -> &'static str {
    match statement.expect {
        Expect::Rows(_, conflict) => conflict,
        Expect::Any => UNNAMED,
    }
}

/// Under which name the changes of a group conflict.
pub(super) fn conflict(group: &Group<'_>) -> &'static str {
    group.members.iter().map(|(_, one)| conflict_of(one)).find(|name| *name != UNNAMED).unwrap_or(UNNAMED)
}

/// How a group of these changes goes out.
pub(super) fn form(group: &Group<'_>, waiting: &[Waiting]) -> Form {
    if group.sql == events::INSERT {
        return Form::Events;
    }
    if is_each(group.sql) && group.members.iter().all(|(change, _)| only(&waiting[*change].plan).is_some()) {
        return Form::Each;
    }
    match &*group.members {
        [(_, one)] if one.expect == Expect::Any => Form::Alone,
        _ => Form::All,
    }
}

/// One or more statements of the same text, and which of the waiting changes they belong to.
pub(super) struct Group<'a> {
    pub(super) sql: &'static str,
    pub(super) members: Vec<(usize, &'a Statement)>,
}

/// The statements of all changes in an order that says the same as theirs: those that are written often are together.
pub(super) fn groups(waiting: &[Waiting]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    // The groups that are still open, by their place in `OFTEN`.
    let mut open: [Option<usize>; OFTEN.len()] = [None; OFTEN.len()];
    let all = waiting.iter().enumerate();
    for (change, statement) in all.flat_map(|(at, waiting)| waiting.plan.statements.iter().map(move |one| (at, one))) {
        let often = OFTEN.iter().position(|often| *often == statement.sql);
        if let Some(group) = often.and_then(|often| open[often]) {
            groups[group].members.push((change, statement));
            continue;
        }
        match often {
            Some(often) => open[often] = Some(groups.len()),
            None => open = [None; OFTEN.len()],
        }
        groups.push(Group { sql: statement.sql, members: vec![(change, statement)] });
    }
    groups
}

/// The statements of all changes, if they consist of what is written often: one group for each text. What is left for another
/// node comes first, so that nothing is accepted for its lock before it. `None` where two are left for one lock: they count
/// each other.
pub(super) fn for_one_round(waiting: &[Waiting]) -> Option<Vec<Group<'_>>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for (change, waiting) in waiting.iter().enumerate() {
        for statement in &waiting.plan.statements {
            if let Some(group) = groups.iter_mut().find(|group| group.sql == statement.sql) {
                group.members.push((change, statement));
            } else if statement.sql == attempts::LEAVE {
                groups.insert(0, Group { sql: statement.sql, members: vec![(change, statement)] });
            } else if OFTEN.contains(&statement.sql) {
                groups.push(Group { sql: statement.sql, members: vec![(change, statement)] });
            } else {
                return None;
            }
        }
    }
    let left = groups.first().filter(|group| group.sql == attempts::LEAVE);
    let mut devices = left.iter().flat_map(|group| &group.members).filter_map(|(_, one)| match one.args.get(LEFT_AT) {
        Some(Value::Text(device)) => Some(&**device),
        _ => None,
    });
    let mut known = HashSet::new();
    devices.all(|device| known.insert(device)).then_some(groups)
}

/// What a type is called, if there are lists of it.
fn name_of(kind: &Type) -> Option<&'static str> {
    match *kind {
        Type::TEXT => Some("TEXT"),
        Type::INT8 => Some("INT8"),
        Type::FLOAT8 => Some("FLOAT8"),
        _ => None,
    }
}

/// Lists of these types as placeholders, and the names of what is in them.
fn lists(kinds: &[Type]) -> Option<(Vec<String>, Vec<String>)> {
    let list = |(at, kind): (usize, &Type)| Some(format!("${}::{}[]", at + 1, name_of(kind)?));
    let lists = kinds.iter().enumerate().map(list).collect::<Option<Vec<_>>>()?;
    Some((lists, (1..=kinds.len()).map(|at| format!("v{at}")).collect()))
}

/// The text that does for lists what `sql` does for single values of these types; `None` if it has no such form.
pub(super) fn over_lists(sql: &str, kinds: &[Type]) -> Option<String> {
    let (lists, names) = lists(kinds)?;
    let source = format!("UNNEST({}) AS m ({})", lists.join(", "), names.join(", "));
    let (head, tail) = if let Some((head, values)) = sql.split_once(" VALUES (") {
        (head.to_owned(), format!(" SELECT {} FROM {source}", of_lists(values.strip_suffix(')')?)))
    } else {
        let (head, condition) = sql.split_once(" WHERE ")?;
        let begin = if sql.starts_with("UPDATE") { " FROM " } else { ", " };
        (of_lists(head), format!("{begin}{source} WHERE {}", of_lists(condition)))
    };
    Some(head + &tail)
}

/// A text with the columns of the lists in place of the single values.
fn of_lists(text: &str) -> String {
    text.replace('$', "m.v")
}

/// The values of some statements, column by column.
pub(super) fn columns<'a>(rows: &[(&'a [Value], i64)]) -> Vec<Vec<Bound<'a>>> {
    let width = rows.first().map_or(0, |(values, _)| values.len());
    let bound = |at: usize| {
        let one =
            move |(values, commit_time): &(&'a [Value], i64)| Bound { value: &values[at], commit_time: *commit_time };
        rows.iter().map(one).collect()
    };
    (0..width).map(bound).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_statement_has_a_form_over_lists() {
        let kinds = [Type::TEXT, Type::INT8];
        let source = "UNNEST($1::TEXT[], $2::INT8[]) AS m (v1, v2)";
        for (one, many) in [
            ("INSERT INTO t (a, b) VALUES ($1, $2)", format!("INSERT INTO t (a, b) SELECT m.v1, m.v2 FROM {source}")),
            ("UPDATE t SET a = $1 WHERE b = $2", format!("UPDATE t SET a = m.v1 FROM {source} WHERE b = m.v2")),
            (
                "INSERT INTO t (a, b) SELECT CAST($1 AS TEXT), c FROM u WHERE d = $2",
                format!("INSERT INTO t (a, b) SELECT CAST(m.v1 AS TEXT), c FROM u, {source} WHERE d = m.v2"),
            ),
        ] {
            assert_eq!(over_lists(one, &kinds).unwrap(), many);
        }
        assert!(over_lists("DELETE FROM t", &[]).is_none());
    }

    #[test]
    fn each_form_says_what_it_touched_or_takes_everything_back() {
        let kinds = [Type::TEXT, Type::INT8];
        let source = "UNNEST($1::TEXT[], $2::INT8[])";
        for (form, one, many) in [
            (Form::Alone, "UPDATE t SET a = $1 WHERE b = $2", None),
            (
                Form::Each,
                "UPDATE t SET a = $1 WHERE b = $2",
                Some(format!("UPDATE t SET a = m.v1 FROM {source} AS m (v1, v2) WHERE b = m.v2 RETURNING id")),
            ),
            (
                Form::All,
                "UPDATE t SET a = $1 WHERE b = $2",
                Some(format!(
                    "WITH done AS (UPDATE t SET a = m.v1 FROM {source} AS m (v1, v2) WHERE b = m.v2 RETURNING 1) \
                     SELECT 1 / (COUNT(*) = CARDINALITY($1::TEXT[]))::INT FROM done"
                )),
            ),
            (
                Form::Events,
                "INSERT INTO t (a, b, at) VALUES ($1, $2, $3)",
                Some(format!(
                    "WITH tick AS (UPDATE event_clock SET last_event = GREATEST(last_event + 1, $3::INT8) \
                     + $4::INT8 - 1 RETURNING last_event - $4::INT8 AS before) \
                     INSERT INTO t (a, b, at) SELECT m.v1, m.v2, tick.before + m.place FROM tick, \
                     {source} WITH ORDINALITY AS m (v1, v2, place) ORDER BY m.place"
                )),
            ),
        ] {
            let kinds = if form == Form::Events { &[Type::TEXT, Type::INT8, Type::INT8][..] } else { &kinds };
            assert_eq!(form.text(one, kinds), many);
        }
    }
}
