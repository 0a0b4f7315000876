package io.ffrtmp.governance.linux.cgroup;

import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import java.util.Optional;

/** What a group tells of a job that ended while nobody watched. */
public record Remains(
    Mark mark,
    Receipt receipt,
    ResourceUsage usage,
    Optional<OomCause> oomKilled,
    long survivors) {}
