package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.sun.jna.NativeLibrary;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Job;
import io.ffrtmp.governance.JobListener;
import io.ffrtmp.governance.JobStart;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.libc.Pidfd;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import org.awaitility.core.ConditionFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;

/**
 * What the tests of run mode share: a governor with a directory name of its own, what it may cost
 * to wait, and an end that leaves nothing. While a test runs, orphans come to this JVM, which kills
 * and reaps them: there may be no init here that reaps.
 */
abstract class RunContract {
  private static final int PR_SET_CHILD_SUBREAPER = 36; // sys/prctl.h
  private static final Set<Long> LEADERS = ConcurrentHashMap.newKeySet();

  /** For what must happen: only a failure takes as long, however slow the host is. */
  static final Duration PATIENCE = LinuxHost.patience(30);

  /** A loop that uses all the CPU time it can get. */
  static final String[] BUSY = {"sh", "-c", "while :; do :; done"};

  /** The name of the directory that holds this test's jobs. */
  final String name =
      "ffrtmp-test-" + Long.toString(ThreadLocalRandom.current().nextLong(1L << 40), 36);

  private final List<Governor> opened = new ArrayList<>();

  JobTree tree;
  Governor governor;

  @TempDir Path dir;

  @BeforeEach
  final void open() throws IOException {
    tree = new JobTree(name);
    tree.assumeOurs();
    LEADERS.clear(); // all were reaped: what has such a number now is another process
    subreaper(true);
    governor = open(LinuxGovernor.builder());
  }

  @AfterEach
  final void leaveNothing() throws Exception {
    if (opened.isEmpty()) {
      return;
    }
    opened.forEach(Governor::close);
    try {
      tree.remove(name);
      await("leaders reaped by the watcher")
          .atMost(PATIENCE)
          .until(() -> JobTree.children().stream().noneMatch(LEADERS::contains));
      for (long orphan : JobTree.children()) {
        ProcessHandle.of(orphan).ifPresent(ProcessHandle::destroyForcibly);
        Pidfd.reap((int) orphan);
      }
      awaitWatchers(0); // the next test counts descriptors
    } finally {
      subreaper(false);
    }
  }

  /** Closed governors hold descriptors until their watcher has ended. */
  static void awaitWatchers(int count) {
    soon().untilAsserted(() -> assertThat(threads("governance-watcher")).hasSize(count));
  }

  /** The living threads whose names begin so. */
  static Set<Thread> threads(String prefix) {
    Set<Thread> threads = new HashSet<>(Thread.getAllStackTraces().keySet());
    threads.removeIf(each -> !each.getName().startsWith(prefix));
    return threads;
  }

  private static void subreaper(boolean on) {
    NativeLibrary.getProcess()
        .getFunction("prctl")
        .invokeInt(new Object[] {PR_SET_CHILD_SUBREAPER, on ? 1L : 0L, 0L, 0L, 0L});
  }

  /** Opens a governor with this test's name where groups can be made; closed at the end. */
  final Governor open(LinuxGovernor.Builder builder) {
    return openAt("", builder);
  }

  /** The same beneath a group that the test made there. */
  final Governor openAt(String group, LinuxGovernor.Builder builder) {
    Governor made = builder.base(base(group)).directoryName(name).listener(leaders()).open();
    opened.add(made);
    return made;
  }

  /** A group of the test's own as the base of a governor. */
  static String base(String group) {
    return Path.of(LinuxHost.place(), group).toString();
  }

  /** The watcher reaps leaders, so the test must not. */
  static JobListener leaders() {
    return new JobListener() {
      @Override
      public void started(JobStart start) {
        LEADERS.add(start.pid().orElseThrow());
      }
    };
  }

  /** A workload of a shell text, in the test's directory. */
  final Workload sh(String text) {
    return Workload.of("sh", "-c", text).directory(dir);
  }

  /**
   * A workload that ends only when it is told: exit 0 at SIGTERM. The file shows that it is ready.
   */
  final Workload held(String readyFile) {
    return sh("trap 'exit 0' TERM; : > " + readyFile + "; while :; do sleep 0.02; done");
  }

  /** Starts a workload that makes this file, and waits for it. */
  final StartedJob startReady(Workload workload, String readyFile) {
    StartedJob job = governor.start(workload);
    soon().until(() -> Files.exists(dir.resolve(readyFile)));
    return job;
  }

  static ConditionFactory soon() {
    return await().atMost(PATIENCE).pollInterval(Duration.ofMillis(5));
  }

  /** Lets a job run so long; it must not end meanwhile. */
  static void runFor(Job job, Duration time) throws InterruptedException {
    assertThat(job.await(time)).as("the job goes on").isEmpty();
  }

  static LimitOutcome outcome(Receipt receipt, Limit limit) {
    return receipt.limits().stream()
        .filter(each -> each.limit() == limit)
        .findFirst()
        .orElseThrow();
  }

  static Limits memory(long mebibytes) {
    return Limits.NONE.memoryMaxBytes(mebibytes << 20);
  }

  /** No directory of this job in any tree, soon. */
  final void assertNoGroupSoon(String id) {
    soon().untilAsserted(() -> assertThat(tree.existing(id)).isEmpty());
  }
}
