package io.ffrtmp.governance.examples.bench;

import com.zaxxer.nuprocess.NuAbstractProcessHandler;
import com.zaxxer.nuprocess.NuProcessBuilder;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.LinuxGovernor;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The same deed by each library: start a program, its output dropped, and know that it ended. */
final class Peers {
  static final String TRUE = "/bin/true";

  private Peers() {}

  /** One whose groups, if it makes any, are nobody else's. */
  static Governor governor() {
    String name = "ffrtmp-bench-" + ProcessHandle.current().pid();
    return LinuxGovernor.builder().directoryName(name).open();
  }

  static JobResult govern(Governor governor, Workload workload) throws InterruptedException {
    JobResult result = governor.run(workload);
    if (!result.verdict().compliant() || !result.receipt().allInForce()) {
      throw new IllegalStateException(result + " " + result.receipt());
    }
    return result;
  }

  static Process start(String... command) throws IOException {
    return new ProcessBuilder(command)
        .redirectInput(new File("/dev/null"))
        .redirectOutput(Redirect.DISCARD)
        .redirectError(Redirect.DISCARD)
        .start();
  }

  static void processBuilder() throws IOException, InterruptedException {
    exited(start(TRUE).waitFor());
  }

  static void nuProcess() throws InterruptedException {
    NuProcessBuilder builder = new NuProcessBuilder(List.of(TRUE));
    builder.setProcessListener(new NuAbstractProcessHandler() {});
    exited(builder.start().waitFor(0, TimeUnit.SECONDS));
  }

  private static void exited(int code) {
    if (code != 0) {
      throw new IllegalStateException("exit code " + code);
    }
  }
}
