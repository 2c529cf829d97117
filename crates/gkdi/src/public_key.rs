//! The public-key variant: a private key from a slot's key, its public key, and how that travels. MS-GKDI 3.1.4.1.2, 2.2.3.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use p256::elliptic_curve::{CurveArithmetic, CurveGroup, Field, FieldBytes, Group, point::AffineCoordinates};
use zeroize::{Zeroize, Zeroizing};

use crate::root_key::kdf;
use crate::secret_agreement::{Algorithm, Curve, DhGroup, MOST_BYTES, SecretAgreement};
use crate::{DerivedKey, KdfHash};

const FFC: [u8; 4] = *b"DHPB";

/// A group's public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupPublicKey {
    /// FFC DH Key. MS-GKDI 2.2.3.1.
    Dh {
        /// The group it belongs to.
        group: DhGroup,
        /// The key, big-endian, as long as the prime.
        key: Vec<u8>,
    },
    /// ECDH Key: a point. MS-GKDI 2.2.3.2.
    Ecdh {
        /// The curve it lies on.
        curve: Curve,
        /// Its first coordinate, big-endian.
        x: Vec<u8>,
        /// Its second coordinate.
        y: Vec<u8>,
    },
}

/// Why bytes are no such key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the group's public key is damaged: {0}")]
pub struct PublicKeyError(&'static str);

/// The private key of a slot, from the slot's key.
#[must_use]
pub fn private_key(hash: KdfHash, slot_key: &DerivedKey, agreement: &SecretAgreement) -> Zeroizing<Vec<u8>> {
    let bytes = agreement.private_bits.div_ceil(8);
    let mut key = Zeroizing::new(vec![0; usize::try_from(bytes).unwrap_or_default()]);
    let name =
        Zeroizing::new(agreement.name().encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect::<Vec<u8>>());
    kdf(hash, &slot_key[..], "KDS service", &[&name], &mut key);
    key
}

/// The public key of a slot; nothing when the private key happens to be none (a multiple of the group's order).
#[must_use]
pub fn public_key(hash: KdfHash, slot_key: &DerivedKey, agreement: &SecretAgreement) -> Option<GroupPublicKey> {
    let private = private_key(hash, slot_key, agreement);
    match &agreement.algorithm {
        Algorithm::Dh(group) => {
            Some(GroupPublicKey::Dh { key: power(group, &group.generator, &private)?, group: group.clone() })
        }
        Algorithm::Ecdh(curve) => {
            let (x, y) = match curve {
                Curve::P256 => multiple::<p256::NistP256>(None, &private)?,
                Curve::P384 => multiple::<p384::NistP384>(None, &private)?,
                Curve::P521 => multiple::<p521::NistP521>(None, &private)?,
            };
            Some(GroupPublicKey::Ecdh { curve: *curve, x: x.to_vec(), y: y.to_vec() })
        }
    }
}

/// SP 800-56A 5.6.1.1 and 5.7.1.1: a power of a number in the group, in constant time.
fn power(group: &DhGroup, base: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let bits = |bytes: &[u8]| u32::try_from(bytes.len().checked_mul(8)?).ok();
    let precision = bits(&group.prime)?;
    let prime = BoxedUint::from_be_slice(&group.prime, precision).ok()?;
    let base = BoxedUint::from_be_slice(base, precision).ok()?;
    let exponent = Zeroizing::new(BoxedUint::from_be_slice(exponent, bits(exponent)?).ok()?);
    let parameters = BoxedMontyParams::new(Option::from(Odd::new(prime))?);
    let power = BoxedMontyForm::new(base, &parameters).pow(&exponent).retrieve();
    let bytes = Zeroizing::new(power.to_be_bytes());
    // Limbs are wider than bytes: what stands before the number are zeros.
    let number = bytes.get(bytes.len().checked_sub(group.prime.len())?..)?;
    Some(number.to_vec())
}

type Coordinates = (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>);

/// SP 800-56A 5.6.1.2 and 5.7.1.2: a multiple of a point (the generator when none is given), in constant time. The factor is taken modulo
/// the order: the private keys of P-521 have seven bits more than it.
fn multiple<C: CurveArithmetic>(point: Option<(&[u8], &[u8])>, factor: &[u8]) -> Option<Coordinates> {
    let point = match point {
        None => C::ProjectivePoint::generator(),
        Some((x, y)) => {
            let field = |bytes: &[u8]| FieldBytes::<C>::try_from(bytes).ok();
            let point: Option<C::AffinePoint> = C::AffinePoint::from_coordinates(&field(x)?, &field(y)?).into();
            point?.into()
        }
    };
    let mut scalar = factor
        .iter()
        .fold(C::Scalar::ZERO, |sum, byte| sum * C::Scalar::from(256u64) + C::Scalar::from(u64::from(*byte)));
    if bool::from(scalar.is_zero()) {
        return None;
    }
    let affine = (point * scalar).to_affine();
    scalar.zeroize();
    let bytes = |field: FieldBytes<C>| Zeroizing::new(field.to_vec());
    Some((bytes(affine.x()), bytes(affine.y())))
}

impl GroupPublicKey {
    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or_default().to_le_bytes();
        match self {
            Self::Dh { group, key } => [&FFC[..], &length(key), &group.prime, &group.generator, key].concat(),
            Self::Ecdh { curve, x, y } => [&magic(*curve)[..], &length(x), x, y].concat(),
        }
    }

    /// Reads its bytes. Whether a point lies on its curve is found when it is used.
    ///
    /// # Errors
    /// When they are no key.
    pub fn decode(bytes: &[u8]) -> Result<Self, PublicKeyError> {
        let short = PublicKeyError("it is cut short or too long");
        let (head, numbers) = bytes.split_first_chunk::<8>().ok_or(short)?;
        let [a, b, c, d, length @ ..] = *head;
        let kind = [a, b, c, d];
        let length =
            usize::try_from(u32::from_le_bytes(length)).ok().filter(|length| (1..=MOST_BYTES).contains(length));
        let length = length.ok_or(PublicKeyError("its length is none"))?;
        let part = |at: usize| numbers.get(at * length..(at + 1) * length).map(<[u8]>::to_vec).ok_or(short);
        if kind == FFC {
            let (prime, generator, key) = (part(0)?, part(1)?, part(2)?);
            let group = DhGroup::new(&prime, &generator).ok_or(PublicKeyError("its numbers make no group"))?;
            return if numbers.len() == 3 * length { Ok(Self::Dh { group, key }) } else { Err(short) };
        }
        let curve = Curve::ALL.into_iter().find(|curve| magic(*curve) == kind);
        let curve = curve.ok_or(PublicKeyError("it is of no kind that is known"))?;
        if length != curve.length() || numbers.len() != 2 * length {
            return Err(PublicKeyError("its length is not the curve's"));
        }
        Ok(Self::Ecdh { curve, x: part(0)?, y: part(1)? })
    }
}

fn magic(curve: Curve) -> [u8; 4] {
    match curve {
        Curve::P256 => *b"ECK1",
        Curve::P384 => *b"ECK3",
        Curve::P521 => *b"ECK5",
    }
}

#[cfg(test)]
mod tests;
