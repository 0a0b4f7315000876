package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.AttachRefusedException;
import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Limits;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Targets that can't run just now, or have lost their first thread: attach leaves them so. */
@Tag("kernel")
class OddTargetsKernelTest {
  private static final String VFORK =
      "#include <unistd.h>\nint main(void) { if (vfork() == 0) { sleep(600); _exit(0); } }\n";
  private static final String LEADERLESS =
      """
      #include <pthread.h>
      #include <unistd.h>
      static void *rest(void *none) { sleep(600); return none; }
      int main(void) { pthread_t other; pthread_create(&other, 0, rest, 0); pthread_exit(0); }
      """;
  private static final Limits LIMITS = Limits.NONE.cpuMax(CpuMax.cores(1)).memoryMaxBytes(1L << 30);

  @TempDir Path dir;
  private TargetUnit unit;

  @BeforeEach
  void make() throws IOException {
    unit = new TargetUnit("ffrtmp-odd");
  }

  @AfterEach
  void end() throws Exception {
    if (unit != null) {
      unit.close();
      RunContract.awaitWatchers(0);
    }
  }

  /** It is limited and put back, and goes on being what it was. */
  private void assertAttached(long pid, char state) throws Exception {
    awaitState(pid, state);
    Map<String, String> before = unit.state();
    try (Governor governor = LinuxGovernor.builder().directoryName("ffrtmp-odd").open()) {
      AttachedJob job = governor.attach(Attachment.of(pid).jobId("odd").limits(LIMITS));
      assertThat(job.receipt().allInForce()).as("%s", job.receipt()).isTrue();
      assertThat(job.await(Duration.ofMillis(50))).isEmpty();
      awaitState(pid, state);
      assertThat(job.release().receipt().moved().orElseThrow().notMoved()).isEmpty();
    }
    awaitState(pid, state);
    assertThat(unit.state()).isEqualTo(before);
  }

  /** One that has just been executed may show others for an instant. */
  private static void awaitState(long pid, char state) {
    RunContract.soon().until(() -> JobTree.state(pid).filter(it -> it == state).isPresent());
  }

  private static void signal(String name, long pid) throws Exception {
    Process kill = new ProcessBuilder("sh", "-c", "kill -" + name + " " + pid).start();
    assertThat(kill.waitFor()).isZero();
  }

  @Test
  void stopped_isAttachedTo_andStaysStopped() throws Exception {
    Process target = unit.sleeper();
    signal("STOP", target.pid());
    assertAttached(target.pid(), 'T');
  }

  @Test
  void traced_isAttachedTo_andItsTracerSeesNothing() throws Exception {
    LinuxHost.assumeProgram("strace");
    Path log = dir.resolve("log");
    Process tracer = unit.target("exec strace -o " + log + " -e trace=none sleep 600");
    List<String> command = List.of("sleep", "600"); // it forks others before, to learn of ptrace
    long tracee =
        RunContract.soon()
            .until(
                () ->
                    tracer
                        .children()
                        .map(ProcessHandle::pid)
                        .filter(each -> LinuxHost.commandLine(each.intValue()).equals(command))
                        .findAny(),
                Optional::isPresent)
            .orElseThrow();
    assumeTrue(!unit.tree.unified("memory"), "on v2 the tracer lives beside it");
    assertAttached(tracee, 'S');
    assertThat(log).isEmptyFile();
  }

  @Test
  void frozen_isAttachedTo_andStaysFrozen() throws Exception {
    Path freezer = Path.of("/sys/fs/cgroup/freezer", unit.name);
    assumeTrue(Files.isDirectory(freezer.getParent()), "no freezer of cgroup v1");
    Process target = unit.sleeper();
    Files.createDirectory(freezer);
    try {
      JobTree.move(target.pid(), freezer);
      Files.writeString(freezer.resolve("freezer.state"), "FROZEN");
      RunContract.soon()
          .until(() -> Files.readString(freezer.resolve("freezer.state")).equals("FROZEN\n"));
      assertAttached(target.pid(), JobTree.state(target.pid()).orElseThrow());
      assertThat(freezer.resolve("freezer.state")).hasContent("FROZEN\n");
    } finally {
      Files.writeString(freezer.resolve("freezer.state"), "THAWED");
      target.destroyForcibly().waitFor();
      RunContract.soon().ignoreExceptions().until(() -> Files.deleteIfExists(freezer));
    }
  }

  private Process compiled(String program) throws Exception {
    LinuxHost.assumeProgram("gcc");
    Path source = Files.writeString(dir.resolve("odd.c"), program);
    Path binary = dir.resolve("odd");
    Process gcc =
        new ProcessBuilder("gcc", "-pthread", "-o", "" + binary, "" + source).inheritIO().start();
    assertThat(gcc.waitFor()).isZero();
    return unit.target("exec " + binary);
  }

  @Test
  void parentInVfork_isAttachedTo_withItsChild() throws Exception {
    Process target = compiled(VFORK);
    RunContract.soon().until(() -> target.children().findAny().isPresent());
    assertAttached(target.pid(), 'D');
  }

  @Test
  void withoutItsFirstThread_isAttachedTo_orRefusedWhereThatCantBeMoved() throws Exception {
    long pid = compiled(LEADERLESS).pid();
    if (!unit.tree.unified("memory")) {
      assertAttached(pid, 'Z');
      return;
    }
    awaitState(pid, 'Z');
    Map<String, String> before = unit.state();
    try (Governor governor = LinuxGovernor.builder().directoryName("ffrtmp-odd").open()) {
      assertThatThrownBy(() -> governor.attach(Attachment.of(pid).limits(LIMITS)))
          .isInstanceOf(AttachRefusedException.class)
          .hasMessageContaining("first thread");
    }
    assertThat(unit.state()).isEqualTo(before);
  }
}
