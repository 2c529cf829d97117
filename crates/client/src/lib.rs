//! A domain's client: Kerberos tickets, LDAP with a security layer, and the retrieval of gMSA passwords.
//!
//! It speaks to any Active Directory-compatible domain and relies on nothing that only Pando has. It keeps no state of its own: what it
//! gets is returned as values ([`Credential`], [`gmsa::Retrieved`]) that the caller writes where they belong.
//!
//! In reading order: [`Domain`] says where the servers are; [`kerberos`] gets tickets; [`ldap::Connection`] binds, searches and changes;
//! [`gmsa`] retrieves a managed password over a sealed connection and makes a keytab or tickets of it.
//!
//! ```no_run
//! use client::{Domain, Endpoint, kerberos::{Options, Secret}, ldap::{Connection, Sealing, Transport}};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let domain = Domain::new("contoso.com")
//!     .with_kdcs(["127.0.0.1:8888".parse::<Endpoint>()?])
//!     .with_ldap("dc1.contoso.com", ["127.0.0.1:3890".parse::<Endpoint>()?]);
//! let options = Options::default();
//! let who = client::PrincipalName::user("ccg-reader");
//! let tgt = client::kerberos::initial(&domain, &who, &Secret::password("correct horse"), &options).await?;
//! let mut connection = Connection::connect_any(&domain.ldap, &Transport::Plain, &Default::default()).await?;
//! connection.bind_gssapi(&domain, &tgt, &domain.dc_host, Sealing::Confidential, &options).await?;
//! let gmsa = client::gmsa::retrieve(&mut connection, &domain.base_dn(), "webapp01$").await?;
//! let ticket = client::gmsa::log_on(&domain, &gmsa, &options).await?;
//! client::Ccache::of(ticket).write("/run/webapp01/krb5cc")?;
//! # Ok(()) }
//! ```
//!
//! Specifications: RFC 4120 (Kerberos), RFC 4511 and 4513 (LDAP), RFC 4752 (SASL GSSAPI), MS-KILE, MS-ADTS 3.1.1.4.5.39 (managed passwords).

pub mod dns;
mod domain;
pub mod gmsa;
pub mod kerberos;
pub mod ldap;
pub mod root_keys;
pub mod tls;

pub use ::kerberos::PrincipalName;
pub use ::kerberos::ccache::{Ccache, Credential};
pub use ::kerberos::crypto::Key;
pub use ::kerberos::keytab::{Entry as KeytabEntry, Keytab};
pub use domain::{BadEndpoint, Domain, Endpoint};
