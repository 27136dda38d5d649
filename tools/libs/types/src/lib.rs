//! Plain data shared by SigmaVault programs.
