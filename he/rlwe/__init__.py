"""What the schemes share: parameters, keys, key switching, encryption of zero."""
