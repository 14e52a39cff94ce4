//! What is read and then changed as a whole, where several nodes may do so at once: each has a version, which the change out
//! of what was read compares and moves. Where one process has the database for itself, its own locks do.

use thumbturn_core::change::{AsOf, Whole};
use thumbturn_core::ports::StoreError;

use crate::Store;
use crate::statement::{Columns, Expect, Query, Row, Statement, args};

/// Nobody changes it until the commit, and it is what was read.
const UNCHANGED: &str = "SELECT 1 FROM versions WHERE name = $1 AND version = $2 FOR SHARE";

/// It is what was read, and is something else afterwards.
const CHANGED: &str = "UPDATE versions SET version = version + 1 WHERE name = $1 AND version = $2";

/// Gives the version of `$1`, which begins with 0.
const READ: &str = "WITH made AS (INSERT INTO versions (name, version) VALUES ($1, 0) ON CONFLICT (name) DO NOTHING \
     RETURNING name, version) SELECT name, version FROM made \
     UNION ALL SELECT name, version FROM versions WHERE name = $1";

/// The condition that what was read still is so.
pub(crate) fn still(read: &AsOf) -> Statement {
    let sql = if read.changes { CHANGED } else { UNCHANGED };
    Statement { sql, args: args![&read.name, read.version], expect: Expect::Rows(1, AsOf::OUTRUN) }
}

impl Store {
    /// The state of something before it is read, to be changed only if it still is so. `None` where no other node can
    /// change it, or there is nothing to change.
    ///
    /// # Errors
    /// If the database cannot be asked.
    pub async fn as_of(&self, whole: Whole) -> Result<Option<AsOf>, StoreError> {
        if !self.is_shared() {
            return Ok(None);
        }
        let name = match whole {
            Whole::Spaces(workspace) => format!("spaces/{workspace}"),
            Whole::Sessions(workspace) => format!("sessions/{workspace}"),
            Whole::Identities(workspace) => format!("identities/{workspace}"),
            Whole::Workspace(workspace) => format!("workspace/{workspace}"),
            Whole::SpacesAround(account) => {
                let sql = "SELECT workspace_id FROM accounts WHERE id = $1".into();
                let map = |row: &dyn Row| Columns::of(row).text();
                let workspace = self.readers().first(Query { sql, args: args![account], map }).await?;
                let Some(workspace) = workspace else { return Ok(None) };
                format!("spaces/{workspace}")
            }
        };
        let map = |row: &dyn Row| {
            let mut row = Columns::of(row);
            Ok(AsOf { name: row.text()?, version: row.integer()?, changes: true })
        };
        let query = || Query { sql: READ.into(), args: args![&name], map };
        // Another node may make the row in the same moment: then this look sees neither its row nor its own.
        match self.readers().first(query()).await? {
            Some(read) => Ok(Some(read)),
            None => self.readers().one(query()).await.map(Some),
        }
    }
}
