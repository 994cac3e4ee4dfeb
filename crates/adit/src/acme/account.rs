//! The account at the authority: made at the first order, kept in the data folder, used from then on.

use std::path::PathBuf;

use adit_control::Zeroizing;
use instant_acme::{Account, AccountCredentials, NewAccount};
use tokio::sync::Mutex;

use super::AcmeSettings;
use super::failure::OrderFailed;
use super::transport::{Busy, Transport};
use crate::data_folder::write_whole;

/// The account's key and address, below the authority's folder.
const ACCOUNT: &str = "account.json";

/// Has the account for orders.
pub(super) struct AccountKeeper {
    settings: AcmeSettings,
    folder: PathBuf,
    busy: Busy,
    /// None until it is needed, and after a failure: then the directory is read anew.
    account: Mutex<Option<Account>>,
}

impl AccountKeeper {
    pub(super) fn new(settings: AcmeSettings, folder: PathBuf, busy: Busy) -> Self {
        Self { settings, folder, busy, account: Mutex::new(None) }
    }

    /// The account. Orders that want it at the same time wait for one another, so that one is made.
    pub(super) async fn account(&self) -> Result<Account, OrderFailed> {
        let mut known = self.account.lock().await;
        if let Some(account) = &*known {
            return Ok(account.clone());
        }
        let account = match self.kept()? {
            Some(credentials) => self.builder()?.from_credentials(credentials).await?,
            None => self.register().await?,
        };
        *known = Some(account.clone());
        Ok(account)
    }

    /// Has the directory read anew before the next order.
    pub(super) async fn refresh(&self) {
        self.account.lock().await.take();
    }

    /// Has another account made before the next order: the authority does not know this one any more.
    pub(super) async fn replace(&self) {
        let mut known = self.account.lock().await;
        known.take();
        let path = self.folder.join(ACCOUNT);
        // Not removed: a key that was in use is evidence.
        match std::fs::rename(&path, path.with_extension("unknown")) {
            Ok(()) => tracing::warn!(file = %path.display(), "the ACME account is unknown: another one will be made"),
            Err(error) => tracing::warn!(file = %path.display(), %error, "the ACME account cannot be put aside"),
        }
    }

    fn builder(&self) -> Result<instant_acme::AccountBuilder, OrderFailed> {
        let transport = Transport::new(&self.settings, self.busy.clone()).map_err(OrderFailed::Ourselves)?;
        Ok(Account::builder_with_http(Box::new(transport)))
    }

    fn kept(&self) -> Result<Option<AccountCredentials>, OrderFailed> {
        let path = self.folder.join(ACCOUNT);
        let failed = |reason: String| OrderFailed::Ourselves(format!("{} cannot be read: {reason}", path.display()));
        match std::fs::read(&path).map(Zeroizing::new) {
            Ok(text) => serde_json::from_slice(&text).map(Some).map_err(|error| failed(error.to_string())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error.to_string())),
        }
    }

    async fn register(&self) -> Result<Account, OrderFailed> {
        let contact: Vec<&str> = self.settings.contact.iter().map(String::as_str).collect();
        // The configuration is refused without the administrator's consent.
        let new = NewAccount { contact: &contact, terms_of_service_agreed: true, only_return_existing: false };
        let directory = self.settings.directory.to_string();
        let (account, credentials) = self.builder()?.create(&new, directory, None).await?;
        let text = serde_json::to_vec(&credentials).map(Zeroizing::new);
        let text = text.map_err(|error| OrderFailed::Ourselves(error.to_string()))?;
        write_whole(&self.folder.join(ACCOUNT), &text).map_err(|error| OrderFailed::Ourselves(error.to_string()))?;
        tracing::info!(account = account.id(), "an ACME account was made");
        Ok(account)
    }
}
