//! The Group Key Distribution Service: how a domain derives the passwords that no one knows.
//!
//! In reading order: [`KeyId`], a slot of ten hours; [`RootKey`], from which the key of every slot is derived; [`gmsa_password`], what a
//! gMSA's password is in a slot (and [`KeyCache`], when many are asked for); [`ManagedPassword`] and the [`ManagedPasswordBlob`] that carries it; [`KeyEnvelope`], by which the
//! directory remembers which key an account has; [`rollover`], when it gets the next. Beside that, what other clients of the service ask
//! for: [`GetKey`], which key a caller gets, the [`GroupKeyEnvelope`] that it comes in, and the [`public_key()`] of a slot.
//!
//! Nothing here reads a clock, a store or randomness: callers pass `now` and the account.
//!
//! Specifications: MS-GKDI 3.1.4 (keys), MS-ADTS 3.1.1.4.5.39 (msDS-ManagedPassword) and 2.2.19 (its blob), NIST SP 800-108 (derivation).
#![forbid(unsafe_code)]

mod blob;
mod envelope;
mod get_key;
mod group_key_envelope;
mod key_cache;
mod key_id;
mod password;
mod public_key;
pub mod rollover;
mod root_key;
mod secret_agreement;

pub use blob::{BlobError, ManagedPasswordBlob};
pub use envelope::{EnvelopeError, KeyEnvelope};
pub use get_key::{GetKey, GetKeyError};
pub use group_key_envelope::{GroupKeyEnvelope, GroupKeyEnvelopeError, GroupKeys};
pub use key_cache::KeyCache;
pub use key_id::KeyId;
pub use password::{ManagedPassword, PASSWORD_LENGTH, gmsa_password};
pub use public_key::{GroupPublicKey, PublicKeyError, private_key, public_key};
pub use root_key::{DerivedKey, KEY_LENGTH, KdfHash, KeyError, RootKey};
pub use secret_agreement::{Algorithm, Curve, DhGroup, SecretAgreement};

/// The descriptor that gMSA passwords are derived for: `O:SYD:(A;;FRFW;;;S-1-5-9)`, the domain controllers of the forest.
pub const GMSA_DESCRIPTOR: [u8; 60] = [
    0x01, 0x00, 0x04, 0x80, 0x30, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x00,
    0x00, 0x02, 0x00, 0x1c, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x14, 0x00, 0x9f, 0x01, 0x12, 0x00, 0x01, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x09, 0x00, 0x00, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x05, 0x12,
    0x00, 0x00, 0x00,
];
