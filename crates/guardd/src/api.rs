//! What the socket's callers may ask, in the terms of the leases. Both interfaces end here.

use std::path::PathBuf;

use ccg::{Bring, Credentials, Keytabs, LeaseId, Leases, Owner, Peer, Readers, Request};
use tonic::Status;

use crate::message::{fetcher, own};
use crate::status::status;

/// Longer names and passwords than a directory has (credentials-fetcher's own limits).
const LONGEST_NAME: usize = 104;
const LONGEST_DOMAIN: usize = 253;
pub(crate) const MOST_PRINCIPALS: usize = 64;

/// Answers one caller.
pub(crate) struct Api<'a> {
    pub leases: &'a Leases,
    pub peer: Peer,
}

impl Api<'_> {
    pub async fn create(
        &self,
        request: fetcher::CreateKerberosLeaseRequest,
    ) -> Result<fetcher::CreateKerberosLeaseResponse, Status> {
        self.lease(self.request(request.credspec_contents, None)).await
    }

    pub async fn create_with(
        &self,
        request: fetcher::CreateNonDomainJoinedKerberosLeaseRequest,
    ) -> Result<fetcher::CreateKerberosLeaseResponse, Status> {
        let fetcher::CreateNonDomainJoinedKerberosLeaseRequest { credspec_contents, username, password, domain } =
            request;
        let brought = credentials(username, password, domain)?;
        self.lease(self.request(credspec_contents, Some(Bring::Account(brought)))).await
    }

    pub async fn renew_with(
        &self,
        request: fetcher::RenewNonDomainJoinedKerberosLeaseRequest,
    ) -> Result<fetcher::RenewNonDomainJoinedKerberosLeaseResponse, Status> {
        let brought = credentials(request.username, request.password, request.domain)?;
        let renewed = self.leases.renew_with(&self.peer, brought).await.map_err(status)?;
        Ok(fetcher::RenewNonDomainJoinedKerberosLeaseResponse { renewed_kerberos_file_paths: texts(renewed) })
    }

    pub async fn delete(
        &self,
        request: fetcher::DeleteKerberosLeaseRequest,
    ) -> Result<fetcher::DeleteKerberosLeaseResponse, Status> {
        let id = lease_id(&request.lease_id)?;
        let deleted = self.leases.release(&self.peer, &id).await.map_err(status)?;
        Ok(fetcher::DeleteKerberosLeaseResponse {
            lease_id: request.lease_id,
            deleted_kerberos_file_paths: texts(deleted),
        })
    }

    pub async fn health(&self, request: fetcher::HealthCheckRequest) -> Result<fetcher::HealthCheckResponse, Status> {
        match request.service.is_empty() {
            true => Err(Status::invalid_argument("service must be named")),
            false => Ok(fetcher::HealthCheckResponse { status: "OK".to_owned() }),
        }
    }

    pub async fn add(&self, request: own::AddRequest) -> Result<own::AddResponse, Status> {
        let own::AddRequest { credspecs, lease_id: id, owner, keytab, service_principals, process } = request;
        if service_principals.len() > MOST_PRINCIPALS
            || service_principals.iter().any(|name| !is_service_principal(name))
        {
            return Err(Status::invalid_argument(format!(
                "service_principals must be at most {MOST_PRINCIPALS} names such as HTTP/webapp01.contoso.com"
            )));
        }
        let mut asked = self.request(credspecs, None);
        if !id.is_empty() {
            asked.id = Some(lease_id(&id)?);
        }
        if let Some(own::Owner { uid, gid }) = owner {
            if uid == u32::MAX || gid == u32::MAX {
                return Err(Status::invalid_argument("owner must be a user and a group: 4294967295 is nobody"));
            }
            asked.owner = Owner { uid, gid };
        }
        asked.process = process.map(ccg::Process::from);
        asked.keytabs = Keytabs { wanted: keytab || !service_principals.is_empty(), service_principals };
        let added = self.leases.add(asked).await.map_err(status)?;
        Ok(own::AddResponse { lease_id: added.id.to_string(), folders: texts(added.folders) })
    }

    pub async fn list(&self, _: own::ListRequest) -> Result<own::ListResponse, Status> {
        let leases = self.leases.list(&self.peer).into_iter().map(|lease| own::Lease {
            lease_id: lease.id.to_string(),
            accounts: lease.accounts,
            folder: lease.folder.display().to_string(),
            owner: Some(own::Owner { uid: lease.owner.uid, gid: lease.owner.gid }),
            asked_by_uid: lease.peer.uid,
            fetched: lease.standing.term.fetched.unix_seconds(),
            ends: lease.standing.term.end.unix_seconds(),
            failures: lease.standing.failures,
            error: lease.standing.error.unwrap_or_default(),
            renewed_by_guard: lease.renewed_alone,
            pid: lease.process.map_or(0, |process| process.pid),
            pod: lease.workload.map(|pod| pod.to_string()).unwrap_or_default(),
        });
        Ok(own::ListResponse { leases: leases.collect() })
    }

    pub async fn release(&self, request: own::ReleaseRequest) -> Result<own::ReleaseResponse, Status> {
        let id = lease_id(&request.lease_id)?;
        self.leases.release(&self.peer, &id).await.map_err(status)?;
        Ok(own::ReleaseResponse {})
    }

    pub(crate) fn request(&self, specs: Vec<String>, brought: Option<Bring>) -> Request {
        let owner = Owner { uid: self.peer.uid, gid: self.peer.gid };
        Request {
            peer: self.peer,
            id: None,
            specs,
            owner,
            readers: Readers::Owner,
            workload: None,
            process: None,
            keytabs: Keytabs::default(),
            brought,
        }
    }

    async fn lease(&self, request: Request) -> Result<fetcher::CreateKerberosLeaseResponse, Status> {
        let added = self.leases.add(request).await.map_err(status)?;
        Ok(fetcher::CreateKerberosLeaseResponse {
            lease_id: added.id.to_string(),
            created_kerberos_file_paths: texts(added.folders),
        })
    }
}

fn credentials(username: String, password: String, domain: String) -> Result<Credentials, Status> {
    let password = secrecy::SecretString::from(password);
    let long = |text: &str, most| text.is_empty() || text.len() > most || text.contains(char::is_control);
    if long(&username, LONGEST_NAME) || username.contains(['\\', '/', '@', ':']) {
        return Err(Status::invalid_argument(format!(
            "username must be an account's name, without its domain, of at most {LONGEST_NAME} bytes"
        )));
    }
    if long(secrecy::ExposeSecret::expose_secret(&password), LONGEST_NAME) {
        return Err(Status::invalid_argument(format!("password must be there, with at most {LONGEST_NAME} bytes")));
    }
    if long(&domain, LONGEST_DOMAIN) {
        return Err(Status::invalid_argument("domain must be the DNS or NetBIOS name of the account's domain"));
    }
    Ok(Credentials { username, password, domain })
}

fn lease_id(text: &str) -> Result<LeaseId, Status> {
    text.parse().map_err(|error: ccg::BadLeaseId| Status::invalid_argument(error.to_string()))
}

/// A name with a service class, as MS-ADTS 5.1.1.4 ("mutual authentication") has them.
pub(crate) fn is_service_principal(name: &str) -> bool {
    let plain = name.chars().all(|c| c.is_ascii_graphic() && c != '@' && c != '\\');
    plain && name.len() <= 256 && name.split('/').count() >= 2 && name.split('/').all(|part| !part.is_empty())
}

fn texts(paths: Vec<PathBuf>) -> Vec<String> {
    paths.iter().map(|path| path.display().to_string()).collect()
}
