//! Deliveries of events to webhooks: a queue that outlives the program and that several nodes take from, each delivery by
//! one of them.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use thumbturn_core::ids::{DeliveryId, EventId, WebhookId};
use thumbturn_core::ports::{CommitError, StoreError};
use thumbturn_core::scope::{Reach, Scope};
use thumbturn_core::webhooks::{Delivery, DeliveryAnswer, DeliveryAttempt, DeliveryStanding, DeliveryTrouble, Webhook};

use crate::Store;
use crate::error::Corrupt;
use crate::sql::Sql;
use crate::statement::{Columns, Query, Row, Statement, Value, args};
use crate::webhooks::types_text;
use crate::writer::Plan;

const COLUMNS: &str = "SELECT d.id, d.webhook_id, d.event_id, d.event_type, d.status, d.due_at, d.attempts, d.created_at \
     FROM webhook_deliveries d";

/// When the first is due of those that nobody has in hand. They are in the order of the index, behind the few that are in
/// somebody's hand. (PostgreSQL takes those with an `IS NULL` for so few that it would rather sort them all.)
const NEXT_FREE: &str = "SELECT due_at FROM webhook_deliveries WHERE webhook_id = $1 AND due_at IS NOT NULL \
     AND COALESCE(claimed_until, 0) <= 0 ORDER BY due_at, sequence LIMIT 1";

/// When the first comes back that somebody has in hand. Nobody takes one in hand before it is due.
const NEXT_BACK: &str = "SELECT MIN(claimed_until) FROM webhook_deliveries WHERE webhook_id = $1 AND due_at <= $2";

/// What is on its way to a webhook that is disabled, some of it.
const DROP: &str = "UPDATE webhook_deliveries SET status = 'dropped', due_at = NULL, claimed_until = NULL WHERE id IN \
     (SELECT id FROM webhook_deliveries WHERE webhook_id = $1 AND due_at IS NOT NULL ORDER BY due_at LIMIT 500) \
     AND EXISTS (SELECT 1 FROM webhooks WHERE id = $1 AND disabled_at IS NOT NULL)";

/// Which deliveries are wanted. Conditions combine with *and*.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeliveryFilter {
    /// Only this.
    pub id: Option<DeliveryId>,
    /// To this webhook.
    pub webhook: Option<WebhookId>,
    /// Of this event.
    pub event: Option<EventId>,
    /// That stand so: `pending`, `delivered`, `failed` or `dropped`.
    pub status: Option<&'static str>,
}

impl DeliveryFilter {
    /// The deliveries to these webhooks that are meant, if they are named. An event has one to each, whose id follows from it.
    fn named(&self, webhooks: &[WebhookId]) -> Option<Vec<DeliveryId>> {
        let Some(event) = self.event else { return self.id.map(|id| vec![id]) };
        let of_event = webhooks.iter().map(|webhook| DeliveryId::of(*webhook, event));
        Some(of_event.filter(|id| self.id.is_none_or(|wanted| wanted == *id)).collect())
    }
}

/// A delivery that has no row yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// The delivery, as it stands.
    pub delivery: Delivery,
    /// The place of its event in commit order.
    pub sequence: i64,
    /// Until when somebody has it in hand.
    pub claimed_until: Option<Timestamp>,
}

/// Deliveries to a webhook that were begun without a row, and how far the webhook has come with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The webhook.
    pub webhook: WebhookId,
    /// The place in commit order up to which it had come.
    pub from: i64,
    /// The place that it has come to.
    pub until: i64,
    /// Every delivery of an event between the two.
    pub rows: Vec<NewDelivery>,
    /// When attempts began that failed, or did not fail any more, in their order.
    pub failing: Vec<(bool, Timestamp)>,
}

/// An attempt as it is kept, within its delivery.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// Microseconds since 1970.
    at: i64,
    took_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trouble: Option<Cow<'static, str>>,
}

impl From<&DeliveryAttempt> for Kept {
    fn from(attempt: &DeliveryAttempt) -> Self {
        let (status, trouble) = match attempt.answer {
            DeliveryAnswer::Status(status) => (Some(status), None),
            DeliveryAnswer::Trouble(trouble) => (None, Some(trouble.as_str().into())),
        };
        let took_ms = u64::try_from(attempt.took.as_millis()).unwrap_or(u64::MAX);
        Self { at: attempt.at.as_microsecond(), took_ms, status, trouble }
    }
}

fn attempts_text(attempts: &[DeliveryAttempt]) -> Result<String, Corrupt> {
    let failed = |error| Corrupt::new(format!("attempts cannot be kept: {error}"));
    match attempts {
        // Most have one, and many are written at once.
        [one] => serde_json::to_string(&[Kept::from(one)]),
        all => serde_json::to_string(&all.iter().map(Kept::from).collect::<Vec<_>>()),
    }
    .map_err(failed)
}

fn attempts_from(text: &str) -> Result<Vec<DeliveryAttempt>, Corrupt> {
    let wrong = || Corrupt::new(format!("attempts of a delivery: {text}"));
    let kept: Vec<Kept> = serde_json::from_str(text).map_err(|_| wrong())?;
    let attempt = |kept: Kept| {
        let answer = match (kept.status, kept.trouble) {
            (Some(status), _) => DeliveryAnswer::Status(status),
            (None, trouble) => {
                DeliveryAnswer::Trouble(trouble.as_deref().and_then(DeliveryTrouble::from_word).ok_or_else(wrong)?)
            }
        };
        let at = Timestamp::from_microsecond(kept.at).map_err(|_| wrong())?;
        Ok(DeliveryAttempt { at, took: Duration::from_millis(kept.took_ms), answer })
    };
    kept.into_iter().map(attempt).collect()
}

/// How a delivery stands, in a word.
const fn status_word(standing: DeliveryStanding) -> &'static str {
    match standing {
        DeliveryStanding::Pending { .. } => "pending",
        DeliveryStanding::Delivered => "delivered",
        DeliveryStanding::Failed => "failed",
        DeliveryStanding::Dropped => "dropped",
    }
}

fn due_at(standing: DeliveryStanding) -> Option<Timestamp> {
    match standing {
        DeliveryStanding::Pending { due_at } => Some(due_at),
        _ => None,
    }
}

fn map(row: &dyn Row) -> Result<Delivery, Corrupt> {
    let row = &mut Columns::of(row);
    let (id, webhook, event, event_type) = (row.id()?, row.id()?, row.id()?, row.text()?.into());
    let (status, due_at) = (row.str()?, row.opt_time()?);
    let standing = match (status, due_at) {
        (_, Some(due_at)) => DeliveryStanding::Pending { due_at },
        ("delivered", None) => DeliveryStanding::Delivered,
        ("failed", None) => DeliveryStanding::Failed,
        ("dropped", None) => DeliveryStanding::Dropped,
        (other, None) => return Err(Corrupt::new(format!("a delivery is {other:?}"))),
    };
    let attempts = attempts_from(row.str()?)?;
    Ok(Delivery { id, webhook, event, event_type, attempts, standing, created_at: row.time()? })
}

pub(crate) const INSERT: &str = "INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, sequence, status, \
     due_at, claimed_until, attempts, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

/// The same where its row might be there already: then it stays as it is. (No event after the place that its webhook has come
/// to has one. If one ever had, its message would be sent again and again.)
const INSERT_NEW: &str = "INSERT INTO webhook_deliveries (id, webhook_id, event_id, event_type, sequence, status, \
     due_at, claimed_until, attempts, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
     ON CONFLICT DO NOTHING";

/// A new delivery of the event at this place in commit order.
pub(crate) fn insert(
    delivery: &Delivery,
    sequence: i64,
    claimed_until: Option<Timestamp>,
) -> Result<Statement, StoreError> {
    insert_by(INSERT, delivery, sequence, claimed_until)
}

fn insert_by(
    sql: &'static str,
    delivery: &Delivery,
    sequence: i64,
    claimed_until: Option<Timestamp>,
) -> Result<Statement, StoreError> {
    Ok(Statement::any(
        sql,
        args![
            delivery.id,
            delivery.webhook,
            delivery.event,
            &delivery.event_type,
            sequence,
            Value::word(status_word(delivery.standing)),
            due_at(delivery.standing),
            claimed_until,
            attempts_text(&delivery.attempts)?,
            delivery.created_at,
        ],
    ))
}

/// An attempt that began then has failed, or has not.
fn fails(webhook: WebhookId, has_failed: bool, began: Timestamp) -> Statement {
    if has_failed {
        let sql = "UPDATE webhooks SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL";
        return Statement::any(sql, args![webhook, began]);
    }
    Statement::any(
        "UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL",
        args![webhook],
    )
}

/// Whether a conditional change was made.
fn happened(answer: Result<u64, CommitError>) -> Result<bool, CommitError> {
    match answer {
        Ok(_) => Ok(true),
        Err(CommitError::Conflict(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

impl Store {
    /// Queues deliveries of the events up to `until`, each with its place in commit order, and has them in hand until
    /// `claimed_until`. Nothing is queued, and `false` answered, if the webhook is no longer as it was read: another node
    /// was faster, or somebody changed it.
    ///
    /// # Errors
    /// A [`CommitError`], if the database failed.
    pub async fn queue_deliveries(
        &self,
        webhook: &Webhook,
        until: i64,
        deliveries: &[(Delivery, i64)],
        claimed_until: Timestamp,
    ) -> Result<bool, CommitError> {
        let advance = Statement::one(
            "UPDATE webhooks SET queued_until = $2 WHERE id = $1 AND queued_until = $3 AND event_types = $4 \
             AND disabled_at IS NULL",
            args![webhook.id, until, webhook.queued_until, types_text(&webhook.event_types).map_err(StoreError::from)?],
            "webhook",
        );
        let mut statements = vec![advance];
        for (delivery, sequence) in deliveries {
            statements.push(insert(delivery, *sequence, Some(claimed_until))?);
        }
        happened(self.write(Plan::new(statements, Vec::new())).await)
    }

    /// Writes deliveries down that were begun without, with what came of them and how far their webhook has come. Nothing is
    /// written, and `false` answered, if the webhook is not there, has come further or is disabled. (Which events it wants
    /// does not matter any more: these were wanted when they were begun.)
    ///
    /// # Errors
    /// A [`CommitError`], if the database failed.
    pub async fn settle_deliveries(&self, settlement: &Settlement) -> Result<bool, CommitError> {
        let Settlement { webhook, from, until, rows, failing } = settlement;
        let advance = Statement::one(
            "UPDATE webhooks SET queued_until = $2 WHERE id = $1 AND queued_until = $3 AND disabled_at IS NULL",
            args![*webhook, *until, *from],
            "webhook",
        );
        let mut statements = vec![advance];
        for row in rows {
            statements.push(insert_by(INSERT_NEW, &row.delivery, row.sequence, row.claimed_until)?);
        }
        statements.extend(failing.iter().map(|(failing, began)| fails(*webhook, *failing, *began)));
        happened(self.write(Plan::new(statements, Vec::new())).await)
    }

    /// The deliveries to a webhook that may be taken at `now`, those that are longest due first.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn due_deliveries(
        &self,
        webhook: WebhookId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        let mut sql = Sql::new(COLUMNS);
        sql.push(" WHERE d.webhook_id = ").bind(webhook).push(" AND d.due_at <= ").bind(now);
        sql.push(" AND COALESCE(d.claimed_until, 0) <= ").bind(now);
        sql.push(" ORDER BY d.due_at, d.sequence LIMIT ").bind(i64::try_from(limit).unwrap_or(i64::MAX));
        self.readers().all(sql.query(map)).await
    }

    /// When the next delivery to a webhook may be taken, as of `now`. However many wait, few rows are looked at.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn next_delivery(&self, webhook: WebhookId, now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        let sql = NEXT_FREE.into();
        let free = Query { sql, args: args![webhook], map: |row| Columns::of(row).time() };
        let free = self.readers().first(free).await?;
        if free.is_some_and(|due_at| due_at <= now) {
            return Ok(free);
        }
        // Whatever is due now is in hand, so these are few.
        let sql = NEXT_BACK.into();
        let back = Query { sql, args: args![webhook, now], map: |row| Columns::of(row).opt_time() };
        let back = self.readers().one(back).await?;
        Ok([free, back].into_iter().flatten().min())
    }

    /// Takes a delivery in hand, unless somebody else has: then `false`.
    ///
    /// # Errors
    /// A [`CommitError`], if the database failed.
    pub async fn claim_delivery(
        &self,
        delivery: DeliveryId,
        now: Timestamp,
        claimed_until: Timestamp,
    ) -> Result<bool, CommitError> {
        let claim = Statement::one(
            "UPDATE webhook_deliveries SET claimed_until = $3 WHERE id = $1 AND due_at <= $2 \
             AND COALESCE(claimed_until, 0) <= $2",
            args![delivery, now, claimed_until],
            "delivery",
        );
        happened(self.write(Plan::new(vec![claim], Vec::new())).await)
    }

    /// Gives every delivery back that was in hand when a process ended. Only where no other node has any.
    ///
    /// # Errors
    /// A [`CommitError`], if the database failed.
    pub async fn release_deliveries(&self) -> Result<(), CommitError> {
        let sql = "UPDATE webhook_deliveries SET claimed_until = NULL \
                   WHERE due_at IS NOT NULL AND claimed_until IS NOT NULL";
        self.write(Plan::new(vec![Statement::any(sql, Vec::new())], Vec::new())).await.map(drop)
    }

    /// Keeps how a delivery stands after its last attempt, which began at `began`, and with it since when its webhook has
    /// failed: `failing` says whether this attempt did. What was over meanwhile stays over.
    ///
    /// # Errors
    /// A [`CommitError`], if the database failed.
    pub async fn record_delivery(
        &self,
        delivery: &Delivery,
        failing: Option<bool>,
        began: Timestamp,
    ) -> Result<(), CommitError> {
        let record = Statement::any(
            "UPDATE webhook_deliveries SET status = $2, due_at = $3, attempts = $4, claimed_until = NULL \
             WHERE id = $1 AND due_at IS NOT NULL",
            args![
                delivery.id,
                status_word(delivery.standing),
                due_at(delivery.standing),
                attempts_text(&delivery.attempts).map_err(StoreError::from)?
            ],
        );
        let since = failing.map(|failing| fails(delivery.webhook, failing, began));
        let statements = std::iter::once(record).chain(since).collect();
        self.write(Plan::new(statements, Vec::new())).await.map(drop)
    }

    /// Disables a webhook that has failed since `since` or longer, and drops what is on its way to it. Answers whether it was
    /// this call that did.
    ///
    /// # Errors
    /// A [`CommitError`], if the database failed.
    pub async fn disable_webhook(
        &self,
        webhook: WebhookId,
        since: Timestamp,
        now: Timestamp,
    ) -> Result<bool, CommitError> {
        let disable = Statement::one(
            "UPDATE webhooks SET disabled_at = $3 WHERE id = $1 AND disabled_at IS NULL AND failing_since <= $2",
            args![webhook, since, now],
            "webhook",
        );
        if !happened(self.write(Plan::new(vec![disable], Vec::new())).await)? {
            return Ok(false);
        }
        // In small transactions, so that nothing else waits for long.
        while self.write(Plan::new(vec![Statement::any(DROP, args![webhook])], Vec::new())).await? > 0 {}
        Ok(true)
    }

    /// The deliveries that `filter` lets through, newest first. A session sees none.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn deliveries(
        &self,
        scope: &Scope,
        filter: &DeliveryFilter,
        limit: usize,
    ) -> Result<Vec<Delivery>, StoreError> {
        if matches!(scope.reach(), Reach::Session { .. }) {
            return Ok(Vec::new());
        }
        let mut webhooks = self.webhook_ids(Some(scope.workspace())).await?;
        webhooks.retain(|webhook| filter.webhook.is_none_or(|wanted| wanted == *webhook));
        let mut all = Vec::new();
        if let Some(ids) = filter.named(&webhooks) {
            let mut sql = Sql::new(COLUMNS);
            sql.push(" WHERE ").within("d.id", ids).and_eq("d.status", filter.status);
            all = self.readers().all(sql.query(map)).await?;
            all.retain(|delivery| webhooks.contains(&delivery.webhook));
        } else {
            for webhook in webhooks {
                let mut sql = Sql::new(COLUMNS);
                sql.push(" WHERE d.webhook_id = ").bind(webhook).and_eq("d.status", filter.status);
                sql.push(" ORDER BY d.created_at DESC, d.id DESC LIMIT ");
                sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
                all.extend(self.readers().all(sql.query(map)).await?);
            }
        }
        all.sort_unstable_by_key(|delivery| Reverse((delivery.created_at, delivery.id)));
        all.truncate(limit);
        Ok(all)
    }

    /// How many deliveries to each of these webhooks are on their way.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn pending_deliveries(&self, webhook: WebhookId) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) FROM webhook_deliveries WHERE webhook_id = $1 AND due_at IS NOT NULL".into();
        let query = Query { sql, args: args![webhook], map: crate::statement::one_integer };
        Ok(self.readers().one(query).await?.unsigned_abs())
    }
}
