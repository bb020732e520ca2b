"""Partners to try Racord with: a system as docs/partner-protocol.md describes it, that misbehaves on command.

It is the independent check of what Racord sends: nothing here imports what signs, sends or keeps on Racord's side.
"""
