//! The messages of both interfaces; `proto/` says what they mean.

use std::fmt;

use prost::Message;

/// `credentialsfetcher`, the interface of credentials-fetcher.
pub mod fetcher {
    use super::*;

    #[derive(Clone, PartialEq, Message)]
    pub struct CreateKerberosLeaseRequest {
        #[prost(string, repeated, tag = "1")]
        pub credspec_contents: Vec<String>,
    }

    /// Of both kinds of lease.
    #[derive(Clone, PartialEq, Message)]
    pub struct CreateKerberosLeaseResponse {
        #[prost(string, tag = "1")]
        pub lease_id: String,
        #[prost(string, repeated, tag = "2")]
        pub created_kerberos_file_paths: Vec<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    #[prost(skip_debug)]
    pub struct CreateNonDomainJoinedKerberosLeaseRequest {
        #[prost(string, repeated, tag = "1")]
        pub credspec_contents: Vec<String>,
        #[prost(string, tag = "2")]
        pub username: String,
        #[prost(string, tag = "3")]
        pub password: String,
        #[prost(string, tag = "4")]
        pub domain: String,
    }

    #[derive(Clone, PartialEq, Message)]
    #[prost(skip_debug)]
    pub struct RenewNonDomainJoinedKerberosLeaseRequest {
        #[prost(string, tag = "1")]
        pub username: String,
        #[prost(string, tag = "2")]
        pub password: String,
        #[prost(string, tag = "3")]
        pub domain: String,
    }

    impl fmt::Debug for CreateNonDomainJoinedKerberosLeaseRequest {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a lease as {} of {}", self.username, self.domain)
        }
    }

    impl fmt::Debug for RenewNonDomainJoinedKerberosLeaseRequest {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "renewal as {} of {}", self.username, self.domain)
        }
    }

    #[derive(Clone, PartialEq, Message)]
    #[prost(skip_debug)]
    pub struct KerberosArnLeaseRequest {
        #[prost(string, repeated, tag = "1")]
        pub credspec_arns: Vec<String>,
        #[prost(string, tag = "2")]
        pub access_key_id: String,
        #[prost(string, tag = "3")]
        pub secret_access_key: String,
        #[prost(string, tag = "4")]
        pub session_token: String,
        #[prost(string, tag = "5")]
        pub region: String,
    }

    #[derive(Clone, PartialEq, Message)]
    #[prost(skip_debug)]
    pub struct RenewKerberosArnLeaseRequest {
        #[prost(string, tag = "1")]
        pub access_key_id: String,
        #[prost(string, tag = "2")]
        pub secret_access_key: String,
        #[prost(string, tag = "3")]
        pub session_token: String,
        #[prost(string, tag = "4")]
        pub region: String,
    }

    impl fmt::Debug for KerberosArnLeaseRequest {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a lease of {:?} with access key {}", self.credspec_arns, self.access_key_id)
        }
    }

    impl fmt::Debug for RenewKerberosArnLeaseRequest {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "renewal with access key {}", self.access_key_id)
        }
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct CreateKerberosArnLeaseResponse {
        #[prost(string, tag = "1")]
        pub lease_id: String,
        #[prost(message, repeated, tag = "2")]
        pub krb_ticket_response_map: Vec<KerberosTicketArnResponse>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct KerberosTicketArnResponse {
        #[prost(string, tag = "1")]
        pub credspec_arns: String,
        #[prost(string, tag = "2")]
        pub created_kerberos_file_paths: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct RenewKerberosArnLeaseResponse {
        #[prost(string, tag = "1")]
        pub status: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct RenewNonDomainJoinedKerberosLeaseResponse {
        #[prost(string, repeated, tag = "1")]
        pub renewed_kerberos_file_paths: Vec<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct DeleteKerberosLeaseRequest {
        #[prost(string, tag = "1")]
        pub lease_id: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct DeleteKerberosLeaseResponse {
        #[prost(string, tag = "1")]
        pub lease_id: String,
        #[prost(string, repeated, tag = "2")]
        pub deleted_kerberos_file_paths: Vec<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct HealthCheckRequest {
        #[prost(string, tag = "1")]
        pub service: String,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct HealthCheckResponse {
        #[prost(string, tag = "1")]
        pub status: String,
    }
}

/// `pando.guard.v1`, the guard's own interface.
pub mod own {
    use super::*;

    #[derive(Clone, Copy, PartialEq, Message)]
    pub struct Owner {
        #[prost(uint32, tag = "1")]
        pub uid: u32,
        #[prost(uint32, tag = "2")]
        pub gid: u32,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct AddRequest {
        #[prost(string, repeated, tag = "1")]
        pub credspecs: Vec<String>,
        #[prost(string, tag = "2")]
        pub lease_id: String,
        #[prost(message, optional, tag = "3")]
        pub owner: Option<Owner>,
        #[prost(bool, tag = "4")]
        pub keytab: bool,
        #[prost(string, repeated, tag = "5")]
        pub service_principals: Vec<String>,
        #[prost(message, optional, tag = "6")]
        pub process: Option<Process>,
    }

    #[derive(Clone, Copy, PartialEq, Message)]
    pub struct Process {
        #[prost(int32, tag = "1")]
        pub pid: i32,
        #[prost(uint64, tag = "2")]
        pub started: u64,
        #[prost(uint64, tag = "3")]
        pub namespace: u64,
    }

    impl From<ccg::Process> for Process {
        fn from(ccg::Process { pid, started, namespace }: ccg::Process) -> Self {
            Self { pid, started, namespace }
        }
    }

    impl From<Process> for ccg::Process {
        fn from(Process { pid, started, namespace }: Process) -> Self {
            Self { pid, started, namespace }
        }
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct AddResponse {
        #[prost(string, tag = "1")]
        pub lease_id: String,
        #[prost(string, repeated, tag = "2")]
        pub folders: Vec<String>,
    }

    #[derive(Clone, Copy, PartialEq, Message)]
    pub struct ListRequest {}

    #[derive(Clone, PartialEq, Message)]
    pub struct ListResponse {
        #[prost(message, repeated, tag = "1")]
        pub leases: Vec<Lease>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct Lease {
        #[prost(string, tag = "1")]
        pub lease_id: String,
        #[prost(string, repeated, tag = "2")]
        pub accounts: Vec<String>,
        #[prost(string, tag = "3")]
        pub folder: String,
        #[prost(message, optional, tag = "4")]
        pub owner: Option<Owner>,
        #[prost(uint32, tag = "5")]
        pub asked_by_uid: u32,
        #[prost(int64, tag = "6")]
        pub fetched: i64,
        #[prost(int64, tag = "7")]
        pub ends: i64,
        #[prost(uint32, tag = "8")]
        pub failures: u32,
        #[prost(string, tag = "9")]
        pub error: String,
        #[prost(bool, tag = "10")]
        pub renewed_by_guard: bool,
        #[prost(string, tag = "11")]
        pub pod: String,
        #[prost(int32, tag = "12")]
        pub pid: i32,
    }

    #[derive(Clone, PartialEq, Message)]
    pub struct ReleaseRequest {
        #[prost(string, tag = "1")]
        pub lease_id: String,
    }

    #[derive(Clone, Copy, PartialEq, Message)]
    pub struct ReleaseResponse {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_print() {
        let request = fetcher::CreateNonDomainJoinedKerberosLeaseRequest {
            username: "svc-guard".into(),
            password: "hunter2".into(),
            domain: "contoso.com".into(),
            ..Default::default()
        };
        assert!(!format!("{request:?}").contains("hunter2"));
        let request =
            fetcher::RenewNonDomainJoinedKerberosLeaseRequest { password: "hunter2".into(), ..Default::default() };
        assert!(!format!("{request:?}").contains("hunter2"));
        let (secret_access_key, session_token) = ("hunter2".to_owned(), "hunter2".to_owned());
        let request = fetcher::KerberosArnLeaseRequest { secret_access_key, session_token, ..Default::default() };
        assert!(!format!("{request:?}").contains("hunter2"));
        let (secret_access_key, session_token) = ("hunter2".to_owned(), "hunter2".to_owned());
        let request = fetcher::RenewKerberosArnLeaseRequest { secret_access_key, session_token, ..Default::default() };
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
