//! Credential specs that are kept in AWS, fetched with the caller's keys, as are the secrets that they name.
//!
//! The interface of credentials-fetcher: AddKerberosArnLease and RenewKerberosArnLease. The keys are used for one call and not kept, so that
//! such a lease is renewed when its caller brings keys again, and only then. What it is renewed from is the spec as it was fetched first:
//! a lease does not become somebody else's identity because an object in a bucket changed.

use std::sync::Arc;
use std::time::Duration;

use ccg::plugins::{Aws, AwsError, KeySource, Keys};
use ccg::{Bring, LeaseId, Leases, Plugins};
use credspec::aws::{Region, SpecArn};
use credspec::{AWS_CLSID, AwsInput, CredentialSpec, ECS_CLSID};
use secrecy::SecretString;
use tokio::sync::Semaphore;
use tonic::Status;

use crate::api::Api;
use crate::message::fetcher;
use crate::status::status;

/// Requests that may fetch specs at the same time; the others wait.
const FETCHING: usize = 16;
/// For all specs of a request.
const TIME: Duration = Duration::from_secs(60);

/// Where AWS is, for those who bring keys.
#[derive(Clone)]
pub(crate) struct Shelf {
    aws: Aws,
    fetching: Arc<Semaphore>,
}

impl Shelf {
    pub fn new(aws: Aws) -> Self {
        Self { aws, fetching: Arc::new(Semaphore::new(FETCHING)) }
    }

    pub async fn add(
        &self,
        api: &Api<'_>,
        request: fetcher::KerberosArnLeaseRequest,
    ) -> Result<fetcher::CreateKerberosArnLeaseResponse, Status> {
        let fetcher::KerberosArnLeaseRequest { credspec_arns, access_key_id, secret_access_key, session_token, region } =
            request;
        let aws = self.with(&access_key_id, secret_access_key, session_token)?;
        let region = region_of(&region)?;
        if credspec_arns.is_empty() || credspec_arns.len() > Leases::MOST_SPECS {
            let most = Leases::MOST_SPECS;
            return Err(Status::invalid_argument(format!(
                "credspec_arns must be 1 to {most} names of credential specs"
            )));
        }
        let named = credspec_arns.iter().map(|text| Named::parse(text)).collect::<Result<Vec<_>, _>>()?;
        let id = lease_of(&named)?;
        let arns: Vec<_> = named.into_iter().map(|named| named.arn).collect();
        let specs = self.fetch(&aws, &arns, &region).await?;
        for (arn, spec) in arns.iter().zip(&specs) {
            check_secret(spec).map_err(|what| Status::invalid_argument(format!("the credential spec {arn} {what}")))?;
        }
        let mut asked = api.request(specs, Some(Bring::Plugins { plugins: plugins(&aws), key_id: access_key_id }));
        // To others the answer says where it is.
        asked.id = id.filter(|_| api.peer.is_trusted());
        let added = api.leases.add(asked).await.map_err(status)?;
        let answers = arns.iter().zip(&added.folders).map(|(arn, folder)| fetcher::KerberosTicketArnResponse {
            credspec_arns: arn.to_string(),
            created_kerberos_file_paths: folder.display().to_string(),
        });
        Ok(fetcher::CreateKerberosArnLeaseResponse {
            lease_id: added.id.to_string(),
            krb_ticket_response_map: answers.collect(),
        })
    }

    pub async fn renew(
        &self,
        api: &Api<'_>,
        request: fetcher::RenewKerberosArnLeaseRequest,
    ) -> Result<fetcher::RenewKerberosArnLeaseResponse, Status> {
        let fetcher::RenewKerberosArnLeaseRequest { access_key_id, secret_access_key, session_token, region } = request;
        let aws = self.with(&access_key_id, secret_access_key, session_token)?;
        region_of(&region)?;
        api.leases.renew_through(&api.peer, plugins(&aws)).await.map_err(status)?;
        // As credentials-fetcher says it, even when there was nothing to renew.
        Ok(fetcher::RenewKerberosArnLeaseResponse { status: "successful".to_owned() })
    }

    fn with(&self, id: &str, secret: String, session: String) -> Result<Aws, Status> {
        let session = Some(SecretString::from(session));
        let keys = Keys::new(id, SecretString::from(secret), session).ok_or_else(|| {
            Status::invalid_argument(
                "access_key_id, secret_access_key and session_token must be an access key of AWS (the session only for keys that belong to one)",
            )
        })?;
        Ok(self.aws.clone().with_keys(KeySource::Given(keys)))
    }

    async fn fetch(&self, aws: &Aws, arns: &[SpecArn], region: &Region) -> Result<Vec<String>, Status> {
        // It is never closed.
        let permit = self.fetching.clone().acquire_owned().await;
        let (aws, arns, region) = (aws.clone(), arns.to_vec(), region.clone());
        let fetched = tokio::task::spawn_blocking(move || {
            // Held until the last question is answered, even when nobody waits for that any more.
            let _permit = permit;
            arns.iter().map(|arn| aws.credential_spec(arn, &region)).collect::<Result<Vec<_>, _>>()
        });
        match tokio::time::timeout(TIME, fetched).await {
            Ok(Ok(specs)) => specs.map_err(|error| refused(&error)),
            Ok(Err(_)) => Err(Status::internal("fetching the credential specs failed")),
            Err(_) => Err(Status::unavailable(format!("AWS did not answer within {} s", TIME.as_secs()))),
        }
    }
}

/// Only these: a spec must not have other plugins asked with a caller's keys, nor the guard's own.
fn plugins(aws: &Aws) -> Plugins {
    Plugins::new().with(aws.clone()).with(aws.clone().for_ecs())
}

fn region_of(text: &str) -> Result<Region, Status> {
    text.parse().map_err(|_| Status::invalid_argument("region must be one of AWS, such as eu-central-1"))
}

/// A name, and what the caller calls the lease.
#[derive(Debug)]
struct Named {
    arn: SpecArn,
    lease: Option<String>,
}

impl Named {
    /// `arn:…`, or `arn:…#lease/name`. The account's name is what its folder is called, whatever the caller would call it.
    fn parse(text: &str) -> Result<Self, Status> {
        let (arn, mount) = text.split_once('#').map_or((text, None), |(arn, mount)| (arn, Some(mount)));
        let arn = arn.parse::<SpecArn>().map_err(|error| {
            Status::invalid_argument(format!("one of credspec_arns names no credential spec: {error}"))
        })?;
        let plain = |part: &str| {
            let good = |b: u8| b.is_ascii_alphanumeric() || b"-_.$".contains(&b);
            (1..=64).contains(&part.len()) && part.bytes().all(good) && !part.starts_with('.')
        };
        let lease = match mount.map(|mount| mount.split_once('/')) {
            None => None,
            Some(Some((lease, name))) if plain(lease) && plain(name) => Some(lease.to_owned()),
            Some(_) => {
                return Err(Status::invalid_argument(
                    "behind the # of a credspec_arn must be <lease>/<name>, without other characters than letters, digits, hyphens, dots and underscores",
                ));
            }
        };
        Ok(Self { arn, lease })
    }
}

/// The lease that all of them are of, if they say so in the form of a lease's name.
fn lease_of(named: &[Named]) -> Result<Option<LeaseId>, Status> {
    let first = named.first().and_then(|named| named.lease.as_deref());
    match named.iter().all(|named| named.lease.as_deref() == first) {
        true => Ok(first.and_then(|lease| lease.parse().ok())),
        false => Err(Status::invalid_argument("credspec_arns are of different leases: ask for each of them")),
    }
}

/// Whose account it is must be in a secret of AWS, which is what the keys are for.
fn check_secret(text: &str) -> Result<(), String> {
    let spec = CredentialSpec::parse(text.as_bytes()).map_err(|error| format!("is none: {error}"))?;
    let host = spec.active_directory_config.host_account_config.as_ref();
    let host = host.filter(|host| [AWS_CLSID, ECS_CLSID].contains(&host.plugin_guid));
    let host = host.ok_or("names no secret of AWS Secrets Manager: ask for it with AddKerberosLease")?;
    host.plugin_input.as_str().parse::<AwsInput>().map(drop).map_err(|error| format!("is not usable: {error}"))
}

fn refused(error: &AwsError) -> Status {
    let text = error.to_string();
    match error {
        AwsError::Missing { .. } => Status::not_found(text),
        AwsError::Denied { .. } => Status::permission_denied(text),
        AwsError::Timeout { .. } | AwsError::Unreachable { .. } => Status::unavailable(text),
        _ => Status::failed_precondition(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "arn:aws:s3:::gmsacredspec/gmsa-cred-spec.json";

    #[test]
    fn a_mount_path_names_a_lease_and_leads_nowhere() {
        let lease = |texts: &[String]| {
            let named = texts.iter().map(|text| Named::parse(text)).collect::<Result<Vec<_>, _>>()?;
            lease_of(&named)
        };
        let id = "0123456789abcdef0123";
        assert_eq!(lease(&[OBJECT.to_owned()]).unwrap(), None);
        assert_eq!(lease(&[format!("{OBJECT}#123/WebApp01")]).unwrap(), None);
        assert_eq!(lease(&[format!("{OBJECT}#{id}/WebApp01")]).unwrap(), Some(id.parse().unwrap()));
        assert!(lease(&[format!("{OBJECT}#{id}/a"), format!("{OBJECT}2#123/b")]).is_err());
        for mount in ["", "123", "/x", "123/", "../x", "123/..", "a/b/c", "1 2/x", "a#b/c", "a\n/b"] {
            assert!(lease(&[format!("{OBJECT}#{mount}")]).is_err(), "{mount:?}");
        }
        assert!(lease(&["test-arn".to_owned()]).is_err());
    }
}
