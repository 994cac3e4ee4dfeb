//! The gateway's side of tunnels: one task for each connection of a connector, and the book of all of them.

mod accept;
mod admission;
mod book;
mod compilation;
mod complaint;
mod connection;
mod drains;
mod instance;
mod life;
mod presence;
mod serve;
mod stability;
mod stint;

pub(crate) use accept::{Arrived, accept};
pub(crate) use book::Book;
pub(crate) use complaint::Complaints;
pub(crate) use connection::TunnelConnection;
pub(crate) use drains::Drains;
pub(crate) use presence::keep_presence;
pub(crate) use serve::serve;
pub(crate) use stint::{Carried, Stint};
