package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.JobResult;

/** A job that ran before we came: it reaches no call that could signal. */
final class LinuxAttachedJob extends GovernedJob implements AttachedJob {

  LinuxAttachedJob(Beginning beginning) {
    super(beginning, false);
  }

  @Override
  public JobResult release() {
    if (!over()) {
      observer.release(this);
    }
    return outcome();
  }
}
