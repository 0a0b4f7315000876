package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.ExitStatus.Cause;
import io.ffrtmp.governance.ExitStatus.Unknown;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Mode;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.linux.cgroup.Base;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.Hierarchies;
import io.ffrtmp.governance.linux.cgroup.JobGroup;
import io.ffrtmp.governance.linux.cgroup.Mark;
import io.ffrtmp.governance.linux.observe.Watcher;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What no host can be made to do at a given instant. */
@Tag("kernel")
class ObserverKernelTest {
  private final List<String> told = new ArrayList<>();

  private final JobListener listener =
      new JobListener() {
        @Override
        public void started(JobStart start) {
          told.add("started");
        }

        @Override
        public void finished(JobResult result) {
          told.add("finished");
        }
      };

  /** SIGCHLD is ignored, and there is no thread to be had to conclude the job on. */
  @Test
  void watchChild_reapedBeforeItHadADescriptor_isToldInOrder() throws Exception {
    Process process = new ProcessBuilder("true").start();
    process.waitFor();
    try (Watcher watcher = new Watcher("governance-watcher")) {
      Linger linger = new Linger(watcher, Runnable::run, () -> {});
      Conclude conclude = new Conclude(List.of(listener), job -> {}, linger);
      Observer observer =
          new Observer(
              new ConcurrentHashMap<>(), watcher, Runnable::run, conclude, linger, Runnable::run);
      OptionalLong pid = OptionalLong.of(process.pid());
      JobStart start = JobStart.of("gone", pid, Mode.RUN, Optional.empty(), Instant.now());
      GovernedJob.Beginning beginning =
          new GovernedJob.Beginning(
              start, 0, noGroup(), Mark.BLANK, Receipt.EMPTY, Optional.empty(), observer);
      LinuxStartedJob job = new LinuxStartedJob(beginning, true, List.of());
      observer.watchChild(job);
      assertThat(told).containsExactly("started", "finished");
      assertThat(job.await().exitStatus()).contains(new Unknown(Cause.AUTO_REAPED));
    }
  }

  private static JobGroup noGroup() {
    CgroupFiles files = CgroupFiles.kernel();
    Optional<String> nowhere = Optional.of("/no/such/cgroup");
    return Base.find(files, Hierarchies.read(files), nowhere, "ffrtmp").home().group("gone");
  }
}
