//! Every layer, in the order in which it is shown, and what it holds.

use tollgate_policy::boundary::Feature;

/// Feature and what it holds.
pub(crate) const ALL: [(Feature, &str); 20] = [
    (Feature::LandlockFiles, "files outside the roots can't be opened, whatever their permissions say"),
    (Feature::LandlockRefer, "files move between folders, but never to where more is allowed"),
    (Feature::LandlockTruncate, "files that may not be written can't be cut either"),
    (Feature::LandlockTcp, "TCP to ports that are not granted is refused by the kernel"),
    (Feature::LandlockDeviceIoctl, "device ioctls are refused but on granted devices"),
    (Feature::LandlockSignals, "processes outside can't be signalled"),
    (Feature::LandlockAbstractSockets, "abstract unix sockets outside can't be reached"),
    (Feature::Seccomp, "system calls that no program needs, or that lead out, are refused"),
    (Feature::ExecGate, "each program is judged before it runs"),
    (Feature::ExecVerify, "what runs is what was judged: looked at again before its first instruction"),
    (Feature::UserNamespace, "the other namespaces can be made without root"),
    (Feature::MountNamespace, "mounts, and what is masked, are the run's own"),
    (Feature::PidNamespace, "other processes are not seen; all of the run's end with it"),
    (Feature::IpcNamespace, "shared memory and message queues are the run's own"),
    (Feature::NetNamespace, "the network is a loopback of its own"),
    (Feature::HiddenPaths, "secrets beneath readable roots look empty"),
    (Feature::PrivateTemp, "/tmp is the run's own"),
    (Feature::OutsideMetadata, "permissions, owners, times and attributes of files outside can't be changed"),
    (Feature::ProcessLimit, "the kernel holds how many processes a run has, besides the gate, which counts them"),
    (Feature::MemoryLimit, "the kernel holds how much memory a run has, besides the gate, which counts it"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_feature_is_left_out() {
        let mut seen = std::collections::BTreeSet::new();
        for (feature, _) in ALL {
            // A new feature makes this match incomplete, and so reminds of the table above.
            match feature {
                Feature::LandlockFiles
                | Feature::LandlockRefer
                | Feature::LandlockTruncate
                | Feature::LandlockTcp
                | Feature::LandlockDeviceIoctl
                | Feature::LandlockSignals
                | Feature::LandlockAbstractSockets
                | Feature::Seccomp
                | Feature::ExecGate
                | Feature::ExecVerify
                | Feature::UserNamespace
                | Feature::MountNamespace
                | Feature::PidNamespace
                | Feature::IpcNamespace
                | Feature::NetNamespace
                | Feature::HiddenPaths
                | Feature::PrivateTemp
                | Feature::OutsideMetadata
                | Feature::ProcessLimit
                | Feature::MemoryLimit => seen.insert(feature),
            };
        }
        assert_eq!(seen.len(), 20);
    }
}
