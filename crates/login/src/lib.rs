//! Logging users in for applications: DN resolution, then bind.
//!
//! An application holds one [`Authenticator`]. A login looks the user up on a *service connection*, whose identity is a gMSA's ticket or a
//! service account, and then binds as the object found on *another* connection: the password goes to the directory and nowhere else.
//! Outsiders learn one sentence ([`LoginError::public`]), operators the cause.
//!
//! ```no_run
//! use login::{Authenticator, Config, ServiceIdentity};
//! # async fn example(domain: client::Domain) -> Result<(), login::LoginError> {
//! let authenticator = Authenticator::new(Config::new(domain, ServiceIdentity::ccache("/run/webapp01/krb5cc")));
//! let user = authenticator.login("alice", &"secret".to_owned().into()).await?;
//! assert!(user.is_member_of("rate-limit-admins"));
//! # Ok(()) }
//! ```

mod authenticator;
mod config;
mod error;
mod groups;
mod pool;
mod service;
mod user;

pub use authenticator::Authenticator;
pub use config::{Config, ServiceIdentity};
pub use error::LoginError;
pub use groups::GroupSource;
pub use user::{Group, User};
