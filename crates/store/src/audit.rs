//! The audit log: one record per administrative write, committed with the write.

use adit_core::Revision;
use adit_core::audit::{Activity, ActorKind, AuditActor, AuditRecord};
use adit_core::id::AuditId;
use adit_core::query::{AuditField, Direction, Expression, Field, OBJECT, Order, Page, Query};
use jiff::Timestamp;
use sea_query::{CaseStatement, Expr, ExprTrait as _, SelectStatement};

use crate::engine::{Row, Statement};
use crate::error::Error;
use crate::list::{self, Collection, Column, Source, foreign_field};
use crate::row;
use crate::store::Store;

pub(crate) struct Audit;

impl Collection for Audit {
    const TABLE: &'static str = "audit";
    type Item = AuditRecord;

    fn select(_source: &Source) -> SelectStatement {
        sea_query::Query::select()
            .columns([
                "id",
                "at",
                "activity",
                "actor_kind",
                "actor_id",
                "actor_name",
                "actor_ip",
                "request_id",
                "target",
                "detail",
            ])
            .to_owned()
    }

    fn column(source: &Source, field: &Field) -> Result<Column, Error> {
        let Field::Audit(own) = field else { return Err(foreign_field(source, field)) };
        let activity = || source.column("activity");
        Ok(match own {
            AuditField::Id => Column::word(source.column("id")),
            AuditField::At => Column::instant(source.column("at")),
            AuditField::Activity => Column::word(activity()),
            AuditField::ActivityName => Column::text(shown(&activity(), Activity::display_name)),
            AuditField::Category => Column::text(shown(&activity(), |activity| activity.category().as_str())),
            AuditField::OperationType => {
                Column::text(shown(&activity(), |activity| activity.operation_type().as_str()))
            }
            AuditField::Result => Column::text(shown(&activity(), Activity::result)),
            AuditField::RequestId => Column::word(source.column("request_id")),
            AuditField::ActorKind => Column::word(source.column("actor_kind")),
            AuditField::ActorId => Column::text(source.column("actor_id")).optional(),
            AuditField::ActorName => Column::text(source.column("actor_name")).optional(),
            AuditField::Target => Column::text(source.column("target")),
            AuditField::Detail(part) => Column::json(source, "detail", part)?,
        })
    }

    fn item(row: &Row) -> Result<AuditRecord, Error> {
        Ok(AuditRecord {
            id: row::parsed(row, "id", str::parse)?,
            at: row::parsed(row, "at", str::parse::<Timestamp>)?,
            activity: row::parsed(row, "activity", |word| Activity::find(word).ok_or("the activity is not known"))?,
            actor: AuditActor {
                kind: row::parsed(row, "actor_kind", |word| ActorKind::find(word).ok_or("the kind is not known"))?,
                id: row.try_get("actor_id")?,
                name: row.try_get("actor_name")?,
                ip: row.try_get("actor_ip")?,
            },
            request_id: row::parsed(row, "request_id", str::parse)?,
            target: row.try_get("target")?,
            detail: row::parsed(row, "detail", |text| serde_json::from_str(text))?,
        })
    }
}

impl Store {
    /// One page of the records; the newest first where no order is asked for.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn list_audit(&self, query: &Query) -> Result<Page<AuditRecord>, Error> {
        if !query.order.is_empty() {
            return self.list::<Audit>(query).await;
        }
        // The id goes the way of the last key.
        let newest =
            Order { by: Expression::Field(OBJECT, Field::Audit(AuditField::At)), direction: Direction::Descending };
        let newest_first = Query { order: vec![newest], ..query.clone() };
        self.list::<Audit>(&newest_first).await
    }

    /// Finds a record.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_audit(&self, id: AuditId) -> Result<Option<AuditRecord>, Error> {
        let mut read = self.read().await?;
        list::first::<Audit>(&mut read, Expr::col("id").eq(id.to_string())).await
    }

    /// The records of the command that became `revision`.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn audit_of(&self, revision: Revision) -> Result<Vec<AuditRecord>, Error> {
        let mut read = self.read().await?;
        list::all::<Audit>(&mut read, Expr::col("revision").eq(row::signed(revision))).await
    }
}

/// The columns of a record, in the order in which [`bind`] gives their values.
pub(crate) const COLUMNS: &str =
    "id, revision, at, activity, actor_kind, actor_id, actor_name, actor_ip, request_id, target, detail";

/// Gives the values of a record to a statement that inserts it.
pub(crate) fn bind<'q>(statement: Statement<'q>, revision: Option<Revision>, record: &'q AuditRecord) -> Statement<'q> {
    statement
        .bind(record.id.to_string())
        .bind(revision.map(row::signed))
        .bind(row::instant(record.at))
        .bind(record.activity.as_str())
        .bind(record.actor.kind.as_str())
        .bind(record.actor.id.as_deref())
        .bind(record.actor.name.as_deref())
        .bind(record.actor.ip.as_deref())
        .bind(record.request_id.to_string())
        .bind(record.target.as_str())
        .bind(record.detail.to_string())
}

/// What the directory audit calls an activity, of the word under which it is stored.
fn shown(stored: &Expr, word: impl Fn(Activity) -> &'static str) -> Expr {
    let cases = Activity::ALL.iter().fold(CaseStatement::new(), |cases, activity| {
        cases.case(stored.clone().eq(activity.as_str()), word(*activity))
    });
    cases.finally("").into()
}
