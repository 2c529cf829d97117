//! The names of things in AWS that the guard may be led to: a secret, a parameter, an object of a bucket; and what the plugins that ask there
//! are told.
//!
//! Whoever writes a credential spec, or asks for a lease, chooses these texts, so that each is parsed into parts from which no other request
//! can be made. AWS General Reference, "Amazon Resource Names"; "Actions, resources, and condition keys" of Secrets Manager, Systems Manager
//! and S3; S3 User Guide, "Bucket naming rules"; ECS, "Using gMSA for Linux containers" (CredentialArn).

use std::fmt;
use std::str::FromStr;

use dtyp::Guid;
use serde::Deserialize;

use crate::BadInput;

/// The plugin of AWS Secrets Manager: a class of Pando's own, whose input is the secret's name.
pub const AWS_CLSID: Guid = Guid::from_u128(0xBCA0_A85D_6669_4DC5_81F8_D916_DBFF_22A9);
/// The plugin of Amazon ECS, whose input is an object.
pub const ECS_CLSID: Guid = Guid::from_u128(0x859E_1386_BDB4_49E8_85C7_3070_B139_20E1);

/// Longer than any that AWS hands out.
const LONGEST: usize = 2_048;

/// A part of AWS with accounts and names of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partition {
    /// `aws`.
    Commercial,
    /// `aws-cn`.
    China,
    /// `aws-us-gov`.
    UsGov,
}

impl Partition {
    fn of(name: &str) -> Option<Self> {
        match name {
            "aws" => Some(Self::Commercial),
            "aws-cn" => Some(Self::China),
            "aws-us-gov" => Some(Self::UsGov),
            _ => None,
        }
    }

    /// The domain of its services.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Commercial | Self::UsGov => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
        }
    }
}

/// A region, such as `eu-central-1`. It is safe in the name of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region(String);

impl Region {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it belongs to.
    #[must_use]
    pub fn partition(&self) -> Partition {
        match self.0.split_once('-') {
            Some(("cn", _)) => Partition::China,
            Some(("us", rest)) if rest.starts_with("gov-") => Partition::UsGov,
            _ => Partition::Commercial,
        }
    }
}

impl FromStr for Region {
    type Err = BadArn;

    /// Two letters, words, a number: `us-gov-west-1`.
    fn from_str(text: &str) -> Result<Self, BadArn> {
        let mut parts = text.split('-');
        let place = parts.next().is_some_and(|p| p.len() == 2 && p.bytes().all(|b| b.is_ascii_lowercase()));
        let number =
            parts.next_back().is_some_and(|n| (1..=2).contains(&n.len()) && n.bytes().all(|b| b.is_ascii_digit()));
        let words: Vec<_> = parts.collect();
        let word = |w: &&str| (2..=16).contains(&w.len()) && w.bytes().all(|b| b.is_ascii_lowercase());
        let named = (1..=2).contains(&words.len()) && words.iter().all(word);
        // Those of the isolated partitions have services under other domains.
        let isolated = words.iter().any(|w| w.starts_with("iso"));
        match place && number && named && !isolated {
            true => Ok(Self(text.to_owned())),
            false => Err(BadArn("its region is not one of AWS, AWS China or AWS GovCloud (US), such as eu-central-1")),
        }
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a text is not the name of something that the guard fetches. It never quotes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadArn(&'static str);

/// A secret of Secrets Manager.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretArn {
    text: String,
    region: Region,
}

impl SecretArn {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it is kept.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Whether this is it: six characters that AWS appends may be left out.
    #[must_use]
    pub fn is(&self, answered: &str) -> bool {
        let suffix = answered.strip_prefix(self.text.as_str());
        suffix.is_some_and(|suffix| suffix.is_empty() || (suffix.len() == 7 && suffix.starts_with('-')))
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for SecretArn {
    type Err = BadArn;

    fn from_str(text: &str) -> Result<Self, BadArn> {
        const SHAPE: BadArn = BadArn("it is not `arn:aws:secretsmanager:<region>:<account>:secret:<name>`");
        let (Some(region), resource) = regional(text, "secretsmanager", SHAPE)? else { return Err(SHAPE) };
        let name = resource.strip_prefix("secret:").ok_or(SHAPE)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_+=.@-".contains(&b);
        if name.is_empty() || name.len() > 519 || !name.bytes().all(plain) {
            return Err(BadArn("the secret's name has characters that no name in Secrets Manager has"));
        }
        Ok(Self { text: text.to_owned(), region })
    }
}

/// Where a credential spec is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecArn {
    text: String,
    place: Place,
}

/// Which of the services has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A parameter of Systems Manager, by its whole name.
    Parameter {
        /// Where it is kept.
        region: Region,
    },
    /// An object of a bucket. Buckets have no region in their names.
    Object {
        /// Where the bucket is.
        partition: Partition,
        /// Its name.
        bucket: String,
        /// The object's.
        key: String,
    },
}

impl SpecArn {
    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where to ask for it.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }
}

impl fmt::Display for SpecArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for SpecArn {
    type Err = BadArn;

    fn from_str(text: &str) -> Result<Self, BadArn> {
        const SHAPE: BadArn =
            BadArn("it is neither `arn:aws:s3:::<bucket>/<key>` nor `arn:aws:ssm:<region>:<account>:parameter/<name>`");
        let place = match text.split(':').nth(2) {
            Some("s3") => object(text, SHAPE)?,
            Some("ssm") => {
                let (Some(region), resource) = regional(text, "ssm", SHAPE)? else { return Err(SHAPE) };
                let name = resource.strip_prefix("parameter/").ok_or(SHAPE)?;
                let plain = |b: u8| b.is_ascii_alphanumeric() || b"/_.-".contains(&b);
                if name.is_empty() || !name.bytes().all(plain) {
                    return Err(BadArn("the parameter's name has characters that no name in Systems Manager has"));
                }
                Place::Parameter { region }
            }
            _ => return Err(SHAPE),
        };
        Ok(Self { text: text.to_owned(), place })
    }
}

fn object(text: &str, shape: BadArn) -> Result<Place, BadArn> {
    let (partition, region, account, resource) = split(text, "s3", shape)?;
    if !region.is_empty() || !account.is_empty() {
        return Err(shape);
    }
    let (bucket, key) = resource.split_once('/').ok_or(shape)?;
    let end = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    let bytes = bucket.as_bytes();
    let named = (3..=63).contains(&bytes.len()) && bytes.iter().all(|b| inner(*b)) && !bucket.contains("..");
    if !named || !end(bytes.first()) || !end(bytes.last()) {
        return Err(BadArn("the bucket's name has characters that no name of a bucket has"));
    }
    // A server that resolved these would look into another bucket.
    let climbs = key.split('/').any(|part| matches!(part, "" | "." | ".."));
    if climbs || key.len() > 1_024 || key.chars().any(char::is_control) || key.contains('#') {
        return Err(BadArn("the object's key is empty, too long, or holds a part that leads elsewhere"));
    }
    Ok(Place::Object { partition, bucket: bucket.to_owned(), key: key.to_owned() })
}

/// `arn:partition:service:region:account:resource`, with a region that is in the partition.
fn regional<'a>(text: &'a str, service: &str, shape: BadArn) -> Result<(Option<Region>, &'a str), BadArn> {
    let (partition, region, account, resource) = split(text, service, shape)?;
    let region: Region = region.parse()?;
    if region.partition() != partition {
        return Err(BadArn("its region is in another partition than it says"));
    }
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        return Err(BadArn("its account is not a number of twelve digits"));
    }
    Ok((Some(region), resource))
}

fn split<'a>(text: &'a str, service: &str, shape: BadArn) -> Result<(Partition, &'a str, &'a str, &'a str), BadArn> {
    if text.len() > LONGEST {
        return Err(BadArn("it is longer than any name in AWS"));
    }
    let mut parts = text.splitn(6, ':');
    let mut part = || parts.next().ok_or(shape);
    if part()? != "arn" {
        return Err(shape);
    }
    let partition = Partition::of(part()?).ok_or(BadArn("its partition is not aws, aws-cn or aws-us-gov"))?;
    if part()? != service {
        return Err(shape);
    }
    Ok((partition, part()?, part()?, part()?))
}

/// What the plugins are told: the name of a secret, as it is or, as for Amazon ECS, as `{"CredentialArn": "arn:…"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsInput {
    /// The secret with the impersonation account's credentials.
    pub secret: SecretArn,
}

impl FromStr for AwsInput {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Named {
            #[serde(rename = "CredentialArn")]
            arn: String,
        }
        let arn = match text.trim_start().starts_with('{') {
            true => serde_json::from_str::<Named>(text).map_err(|_| BadInput::ArnShape)?.arn,
            false if text.starts_with("arn:") => text.to_owned(),
            false => return Err(BadInput::ArnShape),
        };
        Ok(Self { secret: arn.parse().map_err(BadInput::Arn)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_secret_is_named_with_its_region() {
        for (text, region) in [
            ("arn:aws:secretsmanager:eu-central-1:123456789012:secret:ccg/reader-AbC12x", "eu-central-1"),
            ("arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:x", "cn-north-1"),
            ("arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:x", "us-gov-west-1"),
        ] {
            let arn: SecretArn = text.parse().unwrap();
            assert_eq!((arn.as_str(), arn.region().as_str()), (text, region));
        }
        let arn: SecretArn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a".parse().unwrap();
        assert!(arn.is("arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-AbC12x"));
        assert!(arn.is("arn:aws:secretsmanager:eu-central-1:123456789012:secret:a"));
        assert!(!arn.is("arn:aws:secretsmanager:eu-central-1:123456789012:secret:ab"));
        assert!(!arn.is("arn:aws:secretsmanager:eu-central-1:123456789012:secret:a-other-AbC12x"));
    }

    #[test]
    fn both_grammars_name_a_secret_and_nothing_else_does() {
        const ARN: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:reader";
        let secret = |text: &str| text.parse::<AwsInput>().map(|input| input.secret.as_str().to_owned());
        assert_eq!(secret(ARN).unwrap(), ARN);
        assert_eq!(secret(crate::PluginInput::of_credential_arn(ARN).as_str()).unwrap(), ARN);
        let twice = format!("{{\"CredentialArn\":\"{ARN}\",\"CredentialArn\":\"{ARN}\"}}");
        let more = format!("{{\"CredentialArn\":\"{ARN}\",\"Password\":\"hunter2\"}}");
        for input in [
            "",
            "{}",
            "{\"CredentialArn\":1}",
            "{\"CredentialArn\":\"x\"}",
            "hunter2",
            "[]",
            "arn:aws:s3:::b/k",
            &twice,
            &more,
        ] {
            let error = secret(input).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn what_would_lead_elsewhere_is_no_name() {
        for text in [
            "",
            "arn",
            "arn:aws:secretsmanager:evil.example/:123456789012:secret:x",
            "arn:aws:secretsmanager:eu-central-1.evil.example:123456789012:secret:x",
            "arn:aws:secretsmanager::123456789012:secret:x",
            "arn:aws:secretsmanager:cn-north-1:123456789012:secret:x",
            "arn:aws-cn:secretsmanager:eu-central-1:123456789012:secret:x",
            "arn:aws-iso:secretsmanager:us-iso-east-1:123456789012:secret:x",
            "arn:aws:secretsmanager:us-iso-east-1:123456789012:secret:x",
            "arn:aws:secretsmanager:EU-central-1:123456789012:secret:x",
            "arn:aws:secretsmanager:eu-central-1:12345678901:secret:x",
            "arn:aws:secretsmanager:eu-central-1:123456789012:x",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a b",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a\"",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:a:key",
            "arn:aws:ssm:eu-central-1:123456789012:secret:x",
            "ARN:aws:secretsmanager:eu-central-1:123456789012:secret:x",
        ] {
            assert!(text.parse::<SecretArn>().is_err(), "{text:?}");
        }
        for text in [
            "",
            "arn:aws:s3:::bucket",
            "arn:aws:s3:::bucket/",
            "arn:aws:s3:::bucket/../other/x",
            "arn:aws:s3:::bucket/a//b",
            "arn:aws:s3:::bucket/a#b",
            "arn:aws:s3:::bucket/a\r\nb",
            "arn:aws:s3:::Bucket/a",
            "arn:aws:s3:::b/a",
            "arn:aws:s3:::a..b/a",
            "arn:aws:s3:::-ab/a",
            "arn:aws:s3:eu-central-1::bucket/a",
            "arn:aws:s3::123456789012:bucket/a",
            "arn:aws:ssm:eu-central-1:123456789012:parameter",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/",
            "arn:aws:ssm:eu-central-1:123456789012:parameter/a\"b",
            "arn:aws:ssm:eu-central-1@evil:123456789012:parameter/a",
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x",
        ] {
            assert!(text.parse::<SpecArn>().is_err(), "{text:?}");
        }
        assert!(format!("arn:aws:s3:::bucket/{}", "x".repeat(1_025)).parse::<SpecArn>().is_err());
    }

    #[test]
    fn a_credential_spec_is_an_object_or_a_parameter() {
        let arn: SpecArn = "arn:aws-cn:s3:::gmsa.specs/team a/webapp01.json".parse().unwrap();
        let (bucket, key) = ("gmsa.specs".to_owned(), "team a/webapp01.json".to_owned());
        assert_eq!(arn.place(), &Place::Object { partition: Partition::China, bucket, key });
        let arn: SpecArn = "arn:aws:ssm:us-east-1:123456789012:parameter/gmsa/webapp01".parse().unwrap();
        assert_eq!(arn.place(), &Place::Parameter { region: "us-east-1".parse().unwrap() });
    }

    proptest! {
        #[test]
        fn every_region_is_safe_in_the_name_of_a_host(text in "[a-zA-Z0-9./:@-]{0,20}") {
            if let Ok(region) = text.parse::<Region>() {
                prop_assert!(region.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(arn:aws:(s3|ssm|secretsmanager):)?.{0,60}") {
            let _ = (text.parse::<SecretArn>(), text.parse::<SpecArn>(), text.parse::<Region>(), text.parse::<AwsInput>());
        }
    }
}
