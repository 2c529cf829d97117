//! What a root key says about Diffie-Hellman key agreement, for the public-key variant of its keys. MS-GKDI 2.2.2, 3.1.4.1.2.

/// The prime of the 2048-bit group with a 256-bit subgroup, in hexadecimal. RFC 5114 2.3.
const PRIME: [&str; 8] = [
    "87A8E61DB4B6663CFFBBD19C651959998CEEF608660DD0F25D2CEED4435E3B00",
    "E00DF8F1D61957D4FAF7DF4561B2AA3016C3D91134096FAA3BF4296D830E9A7C",
    "209E0C6497517ABD5A8A9D306BCF67ED91F9E6725B4758C022E0B1EF4275BF7B",
    "6C5BFC11D45F9088B941F54EB1E59BB8BC39A0BF12307F5C4FDB70C581B23F76",
    "B63ACAE1CAA6B7902D52526735488A0EF13C6D9A51BFA4AB3AD8347796524D8E",
    "F6A167B5A41825D967E144E5140564251CCACB83E6B486F6B3CA3F7971506026",
    "C0B857F689962856DED4010ABD0BE621C3A3960A54E710C375F26375D7014103",
    "A4B54330C198AF126116D2276E11715F693877FAD7EF09CADB094AE91E1A1597",
];
/// Its generator.
const GENERATOR: [&str; 8] = [
    "3FB32C9B73134D0B2E77506660EDBD484CA7B18F21EF205407F4793A1A0BA125",
    "10DBC15077BE463FFF4FED4AAC0BB555BE3A6C1B0C6B47B1BC3773BF7E8C6F62",
    "901228F8C28CBB18A55AE31341000A650196F931C77A57F2DDF463E5E9EC144B",
    "777DE62AAAB8A8628AC376D282D6ED3864E67982428EBC831D14348F6F2F9193",
    "B5045AF2767164E1DFC967C1FB3F2E55A4BD1BFFE83B9C80D052B985D182EA0A",
    "DB2A3B7313D3FE14C8484B1E052588B9B7D2BBD2DF016199ECD06E1557CD0915",
    "B3353BBB64E0EC377FD028370DF92B52C7891428CDC67EB6184B523D1DB246C3",
    "2F63078490F00EF8D647D148D47954515E2327CFEF98C582664B4C0F6CC41659",
];
const MAGIC: [u8; 4] = *b"DHPM";
const HEAD: usize = 12;
/// A longer prime is a mistake, and a way to keep a domain controller busy.
pub(crate) const MOST_BYTES: usize = 1024;
/// A longer private key likewise.
const MOST_BITS: u32 = 8192;

/// A finite field's group: prime and generator, big-endian, of one length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DhGroup {
    pub(crate) prime: Vec<u8>,
    pub(crate) generator: Vec<u8>,
}

impl DhGroup {
    /// The group that Windows chooses: RFC 5114 2.3.
    #[must_use]
    pub fn windows() -> Self {
        let digit = |digit: u8| char::from(digit).to_digit(16).unwrap_or_default() as u8;
        let number = |lines: &[&str]| {
            let pairs = lines.iter().flat_map(|line| line.as_bytes().as_chunks::<2>().0);
            pairs.map(|[high, low]| (digit(*high) << 4) | digit(*low)).collect()
        };
        Self { prime: number(&PRIME), generator: number(&GENERATOR) }
    }

    /// A group from its numbers; nothing when they make none.
    pub(crate) fn new(prime: &[u8], generator: &[u8]) -> Option<Self> {
        let is_odd = prime.last().is_some_and(|last| last & 1 == 1);
        let above_one =
            generator.split_last().is_some_and(|(low, high)| *low > 1 || high.iter().any(|byte| *byte != 0));
        // Of the same length and big-endian: they compare as numbers do.
        let is_one =
            is_odd && above_one && prime.len() == generator.len() && generator < prime && prime.len() <= MOST_BYTES;
        is_one.then(|| Self { prime: prime.to_vec(), generator: generator.to_vec() })
    }

    /// `msKds-SecretAgreementParam`: length, magic number, field length, prime, generator. MS-GKDI 2.2.2.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).unwrap_or_default().to_le_bytes();
        let mut out = Vec::with_capacity(HEAD + 2 * self.prime.len());
        out.extend_from_slice(&number(HEAD + 2 * self.prime.len()));
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&number(self.prime.len()));
        out.extend_from_slice(&self.prime);
        out.extend_from_slice(&self.generator);
        out
    }

    /// Reads `msKds-SecretAgreementParam`.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (head, numbers) = bytes.split_at_checked(HEAD)?;
        let number = |at: usize| {
            let bytes = head.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
            bytes.and_then(|bytes| usize::try_from(u32::from_le_bytes(bytes)).ok())
        };
        let length = number(8).filter(|length| *length <= MOST_BYTES)?;
        if number(0)? != bytes.len() || head.get(4..8)? != MAGIC || numbers.len() != 2 * length {
            return None;
        }
        let (prime, generator) = numbers.split_at_checked(length)?;
        Self::new(prime, generator)
    }
}

/// An elliptic curve of FIPS 186.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Curve {
    /// P-256.
    P256,
    /// P-384.
    P384,
    /// P-521.
    P521,
}

impl Curve {
    pub(crate) const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// How many bytes a coordinate has.
    #[must_use]
    pub const fn length(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }
}

/// Between whom and how a secret is agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `DH`.
    Dh(DhGroup),
    /// `ECDH_P256`, `ECDH_P384`, `ECDH_P521`.
    Ecdh(Curve),
}

/// `msKds-SecretAgreementAlgorithmID` and what goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretAgreement {
    /// How.
    pub algorithm: Algorithm,
    /// `msKds-PrivateKeyLength`, in bits.
    pub private_bits: u32,
    /// `msKds-PublicKeyLength`, in bits.
    pub public_bits: u32,
}

impl SecretAgreement {
    /// What Windows chooses.
    #[must_use]
    pub fn windows() -> Self {
        Self { algorithm: Algorithm::Dh(DhGroup::windows()), private_bits: 512, public_bits: 2048 }
    }

    /// Reads the attributes of a root key; nothing when they do not fit together. MS-GKDI 3.1.4.1.2.
    #[must_use]
    pub fn decode(name: &str, parameters: Option<&[u8]>, private_bits: u32, public_bits: u32) -> Option<Self> {
        let parameters = parameters.unwrap_or_default();
        let algorithm = match name {
            "DH" => {
                let group = DhGroup::decode(parameters)?;
                // In bits here, in bytes there.
                let is_length = usize::try_from(public_bits.div_ceil(8)).is_ok_and(|bytes| bytes == group.prime.len());
                Algorithm::Dh(Some(group).filter(|_| is_length)?)
            }
            _ if !parameters.is_empty() => return None,
            "ECDH_P256" => Algorithm::Ecdh(Curve::P256),
            "ECDH_P384" => Algorithm::Ecdh(Curve::P384),
            "ECDH_P521" => Algorithm::Ecdh(Curve::P521),
            _ => return None,
        };
        (1..=MOST_BITS).contains(&private_bits).then_some(Self { algorithm, private_bits, public_bits })
    }

    /// The algorithm's name.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self.algorithm {
            Algorithm::Dh(_) => "DH",
            Algorithm::Ecdh(Curve::P256) => "ECDH_P256",
            Algorithm::Ecdh(Curve::P384) => "ECDH_P384",
            Algorithm::Ecdh(Curve::P521) => "ECDH_P521",
        }
    }

    /// The algorithm's parameters; none for a curve.
    #[must_use]
    pub fn parameters(&self) -> Vec<u8> {
        match &self.algorithm {
            Algorithm::Dh(group) => group.encode(),
            Algorithm::Ecdh(_) => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn windows_own_parameters_have_the_length_that_they_say_and_both_numbers() {
        let parameters = DhGroup::windows().encode();
        assert_eq!(parameters.len(), 524);
        assert_eq!(hex::encode(&parameters[..20]), "0c0200004448504d0001000087a8e61db4b6663c");
        assert_eq!(hex::encode(&parameters[268..276]), "3fb32c9b73134d0b");
        assert_eq!(DhGroup::decode(&parameters), Some(DhGroup::windows()));
    }

    #[test]
    fn what_does_not_fit_together_is_no_agreement() {
        let windows = SecretAgreement::windows();
        let parameters = windows.parameters();
        assert_eq!(SecretAgreement::decode("DH", Some(&parameters), 512, 2048), Some(windows));
        assert_eq!(SecretAgreement::decode("DH", Some(&parameters), 512, 3072), None);
        assert_eq!(SecretAgreement::decode("DH", None, 512, 2048), None);
        assert_eq!(SecretAgreement::decode("ECDH_P256", Some(&parameters), 256, 256), None);
        assert_eq!(SecretAgreement::decode("ECDH_P192", None, 192, 192), None);
        assert_eq!(SecretAgreement::decode("ECDH_P256", None, 0, 256), None);
        assert_eq!(SecretAgreement::decode("ECDH_P256", None, 1 << 20, 256), None);
        for (name, bits) in [("ECDH_P256", 256), ("ECDH_P384", 384), ("ECDH_P521", 521)] {
            assert_eq!(SecretAgreement::decode(name, None, bits, bits).unwrap().name(), name);
        }
    }

    #[test]
    fn a_group_has_an_odd_prime_and_a_generator_below_it() {
        assert!(DhGroup::new(&[1, 7], &[0, 2]).is_some());
        for (prime, generator) in
            [(&[1, 6][..], &[0, 2][..]), (&[1, 7], &[1, 7]), (&[1, 7], &[0, 1]), (&[1, 7], &[2]), (&[], &[])]
        {
            assert_eq!(DhGroup::new(prime, generator), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_parameters_that_encode_to_themselves_or_none(at in 0usize..524, with in any::<u8>(), cut in 0usize..525) {
            let mut bytes = DhGroup::windows().encode();
            bytes[at] = with;
            bytes.truncate(cut.max(1));
            if let Some(group) = DhGroup::decode(&bytes) {
                prop_assert_eq!(group.encode(), bytes);
            }
        }
    }
}
