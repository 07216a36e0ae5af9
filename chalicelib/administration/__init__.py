"""Administration: what admins see and do, each time written into the audit."""
