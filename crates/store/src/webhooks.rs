//! Webhooks, with their secrets sealed.

use jiff::Timestamp;
use thumbturn_core::ids::{WebhookId, WorkspaceId};
use thumbturn_core::ports::StoreError;
use thumbturn_core::scope::{Reach, Scope};
use thumbturn_core::webhooks::{SigningSecret, Webhook};

use crate::Store;
use crate::error::Corrupt;
use crate::secrets::{Sealed, Secrets};
use crate::sql::Sql;
use crate::statement::{Columns, Query, Row, Statement, args};

const COLUMNS: &str = "SELECT id, workspace_id, url, event_types, secret, previous_secret, previous_until, queued_until, \
     failing_since, disabled_at, created_at FROM webhooks";

pub(crate) fn insert(webhook: &Webhook, secrets: &Secrets) -> Result<Statement, StoreError> {
    Ok(Statement::any(
        "INSERT INTO webhooks (id, workspace_id, url, event_types, secret, queued_until, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        args![
            webhook.id,
            webhook.workspace,
            &webhook.url,
            types_text(&webhook.event_types)?,
            secrets.seal(Sealed::WebhookSecret, webhook.id.0, &webhook.secret.0)?,
            webhook.queued_until,
            webhook.created_at,
        ],
    ))
}

pub(crate) fn change(webhook: WebhookId, event_types: &[String]) -> Result<Statement, StoreError> {
    let sql = "UPDATE webhooks SET event_types = $2 WHERE id = $1";
    Ok(Statement::one(sql, args![webhook, types_text(event_types)?], "webhook"))
}

pub(crate) fn enable(webhook: WebhookId, from: i64) -> Statement {
    let sql = "UPDATE webhooks SET disabled_at = NULL, failing_since = NULL, \
               queued_until = CASE WHEN disabled_at IS NULL THEN queued_until ELSE $2 END WHERE id = $1";
    Statement::one(sql, args![webhook, from], "webhook")
}

/// The secret that was, goes on until then. Both are sealed for the same place, so it need not be opened.
pub(crate) fn rotate(
    webhook: WebhookId,
    secret: &SigningSecret,
    until: Timestamp,
    secrets: &Secrets,
) -> Result<Statement, StoreError> {
    let sealed = secrets.seal(Sealed::WebhookSecret, webhook.0, &secret.0)?;
    let sql = "UPDATE webhooks SET previous_secret = secret, previous_until = $3, secret = $2 WHERE id = $1";
    Ok(Statement::one(sql, args![webhook, sealed, until], "webhook"))
}

pub(crate) fn delete(webhook: WebhookId) -> Statement {
    Statement::one("DELETE FROM webhooks WHERE id = $1", args![webhook], "webhook")
}

/// The types of events as they are kept.
pub(crate) fn types_text(event_types: &[String]) -> Result<String, Corrupt> {
    serde_json::to_string(event_types).map_err(|error| Corrupt::new(format!("event types cannot be kept: {error}")))
}

/// A row whose secrets are sealed yet.
struct Kept {
    webhook: Webhook,
    previous_until: Option<Timestamp>,
    previous: Option<String>,
}

fn map(row: &dyn Row) -> Result<Kept, Corrupt> {
    let row = &mut Columns::of(row);
    let (id, workspace, url) = (row.id()?, row.id()?, row.text()?);
    let event_types =
        serde_json::from_str(row.str()?).map_err(|error| Corrupt::new(format!("event types of a webhook: {error}")))?;
    let (secret, previous, previous_until) = (row.text()?, row.opt_text()?, row.opt_time()?);
    let webhook = Webhook {
        id,
        workspace,
        url,
        event_types,
        secret: SigningSecret(secret),
        previous: None,
        queued_until: row.integer()?,
        failing_since: row.opt_time()?,
        disabled_at: row.opt_time()?,
        created_at: row.time()?,
    };
    Ok(Kept { webhook, previous_until, previous })
}

fn opened(kept: Kept, secrets: &Secrets) -> Result<Webhook, StoreError> {
    let Kept { mut webhook, previous_until, previous } = kept;
    let open = |sealed: &str| secrets.open(Sealed::WebhookSecret, webhook.id.0, sealed).map(SigningSecret);
    let secret = open(&webhook.secret.0)?;
    let previous = previous.as_deref().map(open).transpose()?;
    webhook.secret = secret;
    webhook.previous = previous.zip(previous_until);
    Ok(webhook)
}

impl Store {
    /// The webhooks of a workspace, oldest first. A session sees none.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn webhooks(&self, scope: &Scope) -> Result<Vec<Webhook>, StoreError> {
        self.webhooks_where(scope, None).await
    }

    /// One webhook. A session sees none.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn webhook(&self, scope: &Scope, id: WebhookId) -> Result<Option<Webhook>, StoreError> {
        Ok(self.webhooks_where(scope, Some(id)).await?.into_iter().next())
    }

    async fn webhooks_where(&self, scope: &Scope, id: Option<WebhookId>) -> Result<Vec<Webhook>, StoreError> {
        if matches!(scope.reach(), Reach::Session { .. }) {
            return Ok(Vec::new());
        }
        let mut sql = Sql::new(COLUMNS);
        sql.push(" WHERE workspace_id = ").bind(scope.workspace()).and_eq("id", id);
        sql.push(" ORDER BY created_at, id");
        let kept = self.readers().all(sql.query(map)).await?;
        kept.into_iter().map(|kept| opened(kept, self.secrets())).collect()
    }

    /// Every webhook of the installation: for who delivers.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn every_webhook(&self) -> Result<Vec<Webhook>, StoreError> {
        let sql = format!("{COLUMNS} ORDER BY created_at, id").into();
        let kept = self.readers().all(Query { sql, args: Vec::new(), map }).await?;
        kept.into_iter().map(|kept| opened(kept, self.secrets())).collect()
    }

    /// The ids of the webhooks of a workspace, or of all.
    pub(crate) async fn webhook_ids(&self, workspace: Option<WorkspaceId>) -> Result<Vec<WebhookId>, StoreError> {
        let mut sql = Sql::new("SELECT id FROM webhooks WHERE TRUE");
        sql.and_eq("workspace_id", workspace);
        self.readers().all(sql.query(crate::statement::one_id)).await
    }

    /// How many webhooks a workspace has.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn webhook_count(&self, workspace: WorkspaceId) -> Result<usize, StoreError> {
        let sql = "SELECT COUNT(*) FROM webhooks WHERE workspace_id = $1".into();
        let count =
            self.readers().one(Query { sql, args: args![workspace], map: crate::statement::one_integer }).await?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }
}
