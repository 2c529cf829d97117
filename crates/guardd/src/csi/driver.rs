//! Volumes: each is a lease for one pod, mounted where kubelet wants it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ccg::{LeaseError, LeaseId, Leases, Owner, Peer, Readers};
use tonic::{Code, Status};

use super::cluster::Cluster;
use super::leftovers;
use super::message::{NodePublishVolumeRequest, NodeUnpublishVolumeRequest};
use super::record::Records;
use super::request::{BadRequest, Publication, Volume, VolumeId};
use super::target::{Found, Target, TargetError, Targets, identify};
use super::view::View;
use crate::status::status;
use crate::{Metrics, Watch};

/// The driver's name, and the audience of the tokens that prove pods to it.
pub const DRIVER: &str = "gmsa.pando.dev";

/// What the driver is told.
pub struct Settings {
    /// Kubelet's folder, as kubelet names it.
    pub kubelet: PathBuf,
    /// Where the guard keeps identities.
    pub identities: PathBuf,
    /// The guard's own folder.
    pub run: PathBuf,
    /// The name of this node.
    pub node: String,
    /// Whether a pod must have an fsGroup.
    pub fs_group_required: bool,
}

/// Why the driver does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// Kubelet's folder is elsewhere.
    #[error("kubelet's folder {path} cannot be used: {source} (say with --kubelet-dir where it is)")]
    Kubelet {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The guard may not mount.
    #[error("the identities in {path} cannot be mounted: {source} (mounting needs root, in a privileged container)")]
    View {
        /// Where they are.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What an earlier guard left cannot be looked through.
    #[error("the volumes that an earlier guard left cannot be looked through: {0}")]
    Leftovers(std::io::Error),
}

/// Serves volumes of one node.
pub struct Driver {
    pub(super) leases: Leases,
    cluster: Box<dyn Cluster>,
    pub(super) targets: Targets,
    view: View,
    pub(super) records: Records,
    pub(super) identities: PathBuf,
    pub(super) device: (u32, u32),
    pub(super) node: String,
    fs_group_required: bool,
    busy: Mutex<BTreeSet<VolumeId>>,
    watch: Arc<Watch>,
    metrics: Arc<Metrics>,
}

impl Driver {
    /// Takes up the volumes that an earlier guard left, and cleans up after those whose pods are gone.
    ///
    /// # Errors
    /// When kubelet's folder or the guard's own cannot be used.
    pub async fn resume(
        settings: Settings,
        leases: Leases,
        cluster: Box<dyn Cluster>,
        watch: Arc<Watch>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, DriverError> {
        let Settings { kubelet, identities, run, node, fs_group_required } = settings;
        if let Err(source) = std::fs::read_dir(kubelet.join("pods")) {
            return Err(DriverError::Kubelet { path: kubelet, source });
        }
        let unusable = |source| DriverError::View { path: identities.clone(), source };
        let view = View::open(&identities, run.join("view")).map_err(unusable)?;
        let (device, _) = identify(&identities).map_err(unusable)?;
        let records = Records::open(run.join("volumes")).map_err(DriverError::Leftovers)?;
        let busy = Mutex::default();
        let driver = Self {
            leases,
            cluster,
            targets: Targets::new(kubelet),
            view,
            records,
            identities,
            device,
            node,
            fs_group_required,
            busy,
            watch,
            metrics,
        };
        leftovers::clean(&driver).await.map_err(DriverError::Leftovers)?;
        Ok(driver)
    }

    /// `NodePublishVolume`. The same again is answered the same.
    pub(super) async fn publish(&self, request: NodePublishVolumeRequest) -> Result<(), Status> {
        let published = self.try_publish(request).await;
        self.metrics.volume("publish", code(&published));
        published
    }

    /// `NodeUnpublishVolume`. What is gone already is no error.
    pub(super) async fn unpublish(&self, request: NodeUnpublishVolumeRequest) -> Result<(), Status> {
        let unpublished = self.try_unpublish(&request).await;
        self.metrics.volume("unpublish", code(&unpublished));
        unpublished
    }

    async fn try_publish(&self, request: NodePublishVolumeRequest) -> Result<(), Status> {
        let Publication { volume, token } = Publication::parse(request, &self.targets, DRIVER).map_err(invalid)?;
        let _busy = self.occupy(&volume.id)?;
        let lease = volume.id.lease();
        match self.records.load(&volume.id) {
            Some(known) if known != volume => {
                return Err(Status::already_exists(format!(
                    "the volume is there already, for the pod {} with other attributes or at another path",
                    known.pod
                )));
            }
            Some(_) if self.leases.folder(&lease).is_some() => return self.mount(&volume),
            _ => {}
        }
        if self.fs_group_required && volume.group.is_none() {
            return Err(self.refused(&volume, Code::FailedPrecondition, &NO_GROUP));
        }
        let spec = self.cluster.credential_spec(&volume.pod, &token, &volume.spec).await;
        let spec = spec.map_err(|refusal| self.refused(&volume, refusal.code(), &refusal))?;
        self.begin(&volume, &lease, spec).await?;
        if let Err(error) = self.mount(&volume) {
            // What cannot be taken down now is when kubelet comes back, or at the next start.
            let _ = self.end(&volume.id, &volume.target).await;
            return Err(error);
        }
        let (pod, account) = (&volume.pod, &volume.pod.service_account);
        tracing::info!(%pod, service_account = account, spec = volume.spec, lease = %lease, "identity mounted");
        Ok(())
    }

    /// Makes the lease. The record comes first: a lease that is found without one was never handed over.
    async fn begin(&self, volume: &Volume, lease: &LeaseId, spec: String) -> Result<(), Status> {
        self.records.save(volume).map_err(|error| internal("writing the volume's record", &error))?;
        let this = Owner::this_process();
        let (owner, readers) = match volume.group {
            Some(gid) => (Owner { gid, ..this }, Readers::MountedForGroup),
            None => (this, Readers::Mounted),
        };
        let request = || ccg::Request {
            process: None,
            peer: Peer::this_process(),
            id: Some(lease.clone()),
            specs: vec![spec.clone()],
            owner,
            readers,
            workload: Some(volume.pod.clone()),
            keytabs: volume.keytabs.clone(),
            brought: None,
        };
        let added = match self.leases.add(request()).await {
            Err(LeaseError::Exists(_)) => {
                // Of an attempt that kubelet gave up waiting for.
                self.leases.release(&Peer::this_process(), lease).await.map_err(status)?;
                self.leases.add(request()).await
            }
            added => added,
        };
        added.map(drop).map_err(|error| {
            let _ = self.records.remove(&volume.id);
            status(error)
        })
    }

    /// Mounts the lease where the volume is to be, unless it is there.
    fn mount(&self, volume: &Volume) -> Result<(), Status> {
        let folder = self.leases.folder(&volume.id.lease());
        let folder = folder.ok_or_else(|| Status::internal("the volume's lease is gone: kubelet tries again"))?;
        let below = folder.strip_prefix(&self.identities).unwrap_or(Path::new(""));
        match self.targets.look(&volume.target).map_err(broken)? {
            found if self.is_mounted(found, &folder) => Ok(()),
            Found::Mounted { .. } => Err(Status::internal("something else is mounted on the volume's target path")),
            Found::Nothing | Found::Folder => self.targets.mount(&volume.target, &self.view, below).map_err(broken),
        }
    }

    pub(super) fn is_mounted(&self, found: Found, folder: &Path) -> bool {
        identify(folder).is_ok_and(|(device, inode)| found == Found::Mounted { device, inode })
    }

    async fn try_unpublish(&self, request: &NodeUnpublishVolumeRequest) -> Result<(), Status> {
        let id = VolumeId::parse(&request.volume_id).map_err(invalid)?;
        let target = self.targets.parse(&request.target_path).map_err(invalid)?;
        let _busy = self.occupy(&id)?;
        self.end(&id, &target).await
    }

    /// Takes everything down, in an order that can be begun again anywhere: the record goes last.
    pub(super) async fn end(&self, id: &VolumeId, target: &Target) -> Result<(), Status> {
        let known = self.records.load(id);
        self.targets.clear(target, self.device).map_err(broken)?;
        if let Some(other) = known.as_ref().map(|known| &known.target).filter(|known| *known != target) {
            self.targets.clear(other, self.device).map_err(broken)?;
        }
        match self.leases.release(&Peer::this_process(), &id.lease()).await {
            Ok(_) | Err(LeaseError::Unknown(_)) => {}
            Err(error) => return Err(status(error)),
        }
        self.records.remove(id).map_err(|error| internal("removing the volume's record", &error))?;
        if let Some(Volume { pod, .. }) = known {
            tracing::info!(%pod, lease = %id.lease(), "identity unmounted");
        }
        Ok(())
    }

    fn refused(&self, volume: &Volume, code: Code, why: &dyn std::fmt::Display) -> Status {
        self.watch.refused(&volume.pod, &volume.spec, why);
        Status::new(code, why.to_string())
    }

    /// One call for a volume at a time.
    fn occupy(&self, id: &VolumeId) -> Result<Busy<'_>, Status> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        match busy.insert(id.clone()) {
            true => Ok(Busy { all: &self.busy, id: id.clone() }),
            false => Err(Status::aborted("another call for this volume is being answered")),
        }
    }
}

const NO_GROUP: &str = "this node's guard gives identities to pods with an fsGroup only (--fs-group-required): set \
                        spec.securityContext.fsGroup, and the pod's processes read the identity as members of that group";

/// A volume for which a call is being answered.
struct Busy<'a> {
    all: &'a Mutex<BTreeSet<VolumeId>>,
    id: VolumeId,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// The guard itself asks, for a pod.
fn code(answer: &Result<(), Status>) -> Code {
    answer.as_ref().err().map_or(Code::Ok, Status::code)
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err wants it")]
fn invalid(error: BadRequest) -> Status {
    let code = match error {
        BadRequest::NotEphemeral | BadRequest::NoPodInfo(_) | BadRequest::NoToken(_) => Code::FailedPrecondition,
        _ => Code::InvalidArgument,
    };
    Status::new(code, error.to_string())
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err wants it")]
fn broken(error: TargetError) -> Status {
    Status::internal(format!("{error}: kubelet tries again"))
}

fn internal(doing: &str, error: &std::io::Error) -> Status {
    Status::internal(format!("{doing}: {error}"))
}
