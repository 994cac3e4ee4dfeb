//! Owners of applications in the database.

use adit_core::owner::{MOST_OWNERS, Owner, OwnerId};
use adit_core::{ApplicationId, DisplayName, PrincipalId, PrincipalKind, ServicePrincipalId, UserId};
use serde::{Deserialize, Serialize};

use crate::change_log::{Entity, Operation};
use crate::engine::{self, Connection, Row};
use crate::error::Error;
use crate::row;
use crate::store::Store;
use crate::transaction::WriteTransaction;

/// That somebody owns an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// What is owned.
    pub application: ApplicationId,
    /// Who owns it.
    pub owner: Owner,
    /// Whether the owner was one of this directory's service principals when it was taken. Programs that only their
    /// issuer knows are owners too, and are never in the directory.
    #[serde(default)]
    pub was_in_directory: bool,
}

impl Store {
    /// The owners of an application, in the order of their ids.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn owners_of(&self, application: ApplicationId) -> Result<Vec<Owner>, Error> {
        let mut read = self.read().await?;
        owners_of(&mut read, application).await
    }

    /// Finds one owner of an application.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn find_owner(&self, application: ApplicationId, id: &OwnerId) -> Result<Option<Owner>, Error> {
        let mut read = self.read().await?;
        let row = engine::query("SELECT application_id, id, kind, name FROM owner WHERE application_id = ? AND id = ?")
            .bind(application.to_string())
            .bind(id.as_str())
            .fetch_optional(&mut read)
            .await?;
        Ok(row.as_ref().map(ownership_from).transpose()?.map(|ownership| ownership.owner))
    }
}

impl WriteTransaction {
    /// The owners of an application, in the order of their ids.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn owners_of(&mut self, application: ApplicationId) -> Result<Vec<Owner>, Error> {
        owners_of(self.connection(), application).await
    }

    /// Adds an owner, who is not one of the application's yet.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer or refuses the row.
    pub async fn insert_owner(&mut self, application: ApplicationId, owner: &Owner) -> Result<(), Error> {
        engine::query("INSERT INTO owner (application_id, id, kind, name) VALUES (?, ?, ?, ?)")
            .bind(application.to_string())
            .bind(owner.id.as_str())
            .bind(owner.kind.as_str())
            .bind(owner.name.as_deref())
            .execute(self.connection())
            .await?;
        self.log(Entity::Owner, logged(application, &owner.id), Operation::Insert);
        Ok(())
    }

    /// Deletes an owner.
    ///
    /// # Errors
    /// [`Error`] when the database does not answer.
    pub async fn delete_owner(&mut self, application: ApplicationId, id: &OwnerId) -> Result<(), Error> {
        engine::query("DELETE FROM owner WHERE application_id = ? AND id = ?")
            .bind(application.to_string())
            .bind(id.as_str())
            .execute(self.connection())
            .await?;
        self.log(Entity::Owner, logged(application, id), Operation::Delete);
        Ok(())
    }

    /// Gives a user who owns applications another name there.
    pub(crate) async fn rename_in_owners(&mut self, user: PrincipalId, name: &DisplayName) -> Result<(), Error> {
        let kind = PrincipalKind::User.as_str();
        let rows = engine::query("SELECT application_id, id, kind, name FROM owner WHERE id = ? AND kind = ?")
            .bind(user.to_string())
            .bind(kind)
            .fetch_all(self.connection())
            .await?;
        engine::query("UPDATE owner SET name = ? WHERE id = ? AND kind = ?")
            .bind(name.as_str())
            .bind(user.to_string())
            .bind(kind)
            .execute(self.connection())
            .await?;
        for ownership in rows.iter().map(ownership_from) {
            let Ownership { application, owner, .. } = ownership?;
            self.log(Entity::Owner, logged(application, &owner.id), Operation::Update);
        }
        Ok(())
    }

    /// Deletes what a principal of this directory owns, and says what that was.
    pub(crate) async fn take_owned_by(
        &mut self,
        principal: PrincipalId,
        kind: PrincipalKind,
    ) -> Result<Vec<Ownership>, Error> {
        let rows = engine::query(
            "SELECT application_id, id, kind, name FROM owner WHERE id = ? AND kind = ? ORDER BY application_id",
        )
        .bind(principal.to_string())
        .bind(kind.as_str())
        .fetch_all(self.connection())
        .await?;
        let mut owned = rows.iter().map(ownership_from).collect::<Result<Vec<_>, _>>()?;
        for ownership in &mut owned {
            ownership.was_in_directory = true;
            self.delete_owner(ownership.application, &ownership.owner.id).await?;
        }
        Ok(owned)
    }

    /// Adds an owner again; not if the application, the service principal or the user of this directory is gone meanwhile,
    /// nor if the application has an owner of that id or as many as it can have.
    pub(crate) async fn put_ownership_back(&mut self, ownership: &Ownership) -> Result<(), Error> {
        let Ownership { application, owner, was_in_directory } = ownership;
        if self.find_application(*application).await?.is_none() {
            return Ok(());
        }
        if *was_in_directory && !self.is_in_directory(owner).await? {
            return Ok(());
        }
        let present = self.owners_of(*application).await?;
        if present.len() >= MOST_OWNERS || present.iter().any(|other| other.id == owner.id) {
            return Ok(());
        }
        self.insert_owner(*application, owner).await
    }

    /// Whether the owner is a service principal or a user of this directory.
    async fn is_in_directory(&mut self, owner: &Owner) -> Result<bool, Error> {
        let Ok(id) = owner.id.as_str().parse::<PrincipalId>() else { return Ok(false) };
        Ok(match owner.kind {
            PrincipalKind::ServicePrincipal => {
                self.find_service_principal(ServicePrincipalId::new(id.uuid())).await?.is_some()
            }
            PrincipalKind::User => self.find_user(UserId::new(id.uuid())).await?.is_some(),
            PrincipalKind::Group => false,
        })
    }

    /// Deletes the owners of an application, and says who they were.
    pub(crate) async fn take_owners_of(&mut self, application: ApplicationId) -> Result<Vec<Ownership>, Error> {
        let owners = self.owners_of(application).await?;
        let mut taken = Vec::with_capacity(owners.len());
        for owner in owners {
            self.delete_owner(application, &owner.id).await?;
            let was_in_directory = self.is_in_directory(&owner).await?;
            taken.push(Ownership { application, owner, was_in_directory });
        }
        Ok(taken)
    }
}

/// How the change log names an ownership.
fn logged(application: ApplicationId, id: &OwnerId) -> String {
    format!("{application}/{id}")
}

async fn owners_of(connection: &mut Connection, application: ApplicationId) -> Result<Vec<Owner>, Error> {
    let sql = "SELECT application_id, id, kind, name FROM owner WHERE application_id = ? ORDER BY id";
    let owners = all(connection, sql, application.to_string()).await?;
    Ok(owners.into_iter().map(|ownership| ownership.owner).collect())
}

async fn all(connection: &mut Connection, sql: &'static str, id: String) -> Result<Vec<Ownership>, Error> {
    let rows = engine::query(sql).bind(id).fetch_all(connection).await?;
    rows.iter().map(ownership_from).collect()
}

fn ownership_from(row: &Row) -> Result<Ownership, Error> {
    let application = row::parsed(row, "application_id", str::parse)?;
    let owner = Owner {
        id: row::parsed(row, "id", OwnerId::parse)?,
        kind: row::parsed(row, "kind", |word| PrincipalKind::find(word).ok_or("the kind is not known"))?,
        name: row.try_get("name")?,
    };
    Ok(Ownership { application, owner, was_in_directory: false })
}
