//! The same statement of many changes as one over lists: what an unlock writes costs the database a fraction of five
//! statements then (figures: docs/performance.md).
//!
//! Only statements that touch a row of their own each are put together, and never across one that is not: so the order in
//! which changes see each other stays. Whatever goes wrong is found out when the changes are tried one by one.

use tokio_postgres::types::Type;

use super::execute::Bound;
use crate::statement::{Statement, Value};
use crate::writer::Waiting;
use crate::{attempts, deliveries, devices, events, replays};

/// Statements that are written for nearly every change, or many times for one.
const OFTEN: [&str; 7] = [
    attempts::ACCEPT,
    attempts::ACCEPT_IN_TURN,
    attempts::END,
    devices::WRITE_STATE,
    events::INSERT,
    deliveries::INSERT,
    replays::AGAIN,
];

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

/// The text that does for lists what `sql` does for single values of these types; `None` if it has no such form.
pub(super) fn over_lists(sql: &str, kinds: &[Type]) -> Option<String> {
    let kind = |kind: &Type| match *kind {
        Type::TEXT => Some("TEXT"),
        Type::INT8 => Some("INT8"),
        Type::FLOAT8 => Some("FLOAT8"),
        _ => None,
    };
    let (mut lists, mut names) = (Vec::new(), Vec::new());
    for (at, of) in kinds.iter().enumerate() {
        lists.push(format!("${}::{}[]", at + 1, kind(of)?));
        names.push(format!("v{}", at + 1));
    }
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
}
