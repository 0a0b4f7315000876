package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Limits;

/** The main class of a second JVM that attaches: {@code life PID}, {@code hold PID} or nothing. */
final class AttachLife {
  private AttachLife() {}

  public static void main(String[] arguments) throws Exception {
    if (arguments.length == 0) {
      SecondJvm.tell("up");
      Thread.sleep(Long.MAX_VALUE);
      return;
    }
    Attachment target =
        Attachment.of(Long.parseLong(arguments[1]))
            .jobId("stream")
            .limits(Limits.NONE.memoryMaxBytes(1L << 30).cpuWeight(300));
    try (Governor governor = LinuxGovernor.builder().open()) {
      AttachedJob job = governor.attach(target);
      job.usage();
      SecondJvm.tell("attached " + job.receipt().allInForce());
      if (arguments[0].equals("hold")) {
        Thread.sleep(Long.MAX_VALUE);
      }
      job.detach();
      ((AttachedJob) governor.recover().jobs().get(0)).release();
      SecondJvm.tell("released");
    }
  }
}
