"""The crash test of operations: calls that must not be lost, while gateways are killed and everything else goes wrong.

workload  what clients ask for; faults  what goes wrong; fleet  gateways that are killed; witness  what the store says;
oracle  what may not have happened; report  what is said of it; run  all of it together. scripts/crash is the entry.
"""
