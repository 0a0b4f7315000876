package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.Recovery;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.linux.Systemd.Unit;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Workers in units of systemd: what is handed to them, and what survives them. */
@Tag("kernel")
class SystemdDelegationKernelTest {
  private static final Path DISK = Path.of("/sys/block/vda/dev");
  private static final String DELEGATED = "Delegate=yes";
  private static final String USER = "User=worker"; // whom the guests have

  private Systemd systemd;

  @TempDir Path dir;

  @BeforeEach
  void open() {
    Systemd.assumePresent();
    systemd = new Systemd(dir);
  }

  @AfterEach
  void close() throws Exception {
    if (systemd != null) {
      systemd.end();
    }
  }

  private static String exec(String before, String... arguments) {
    return "ExecStart=" + before + SystemdWorker.command(arguments);
  }

  private static void kill(long pid) {
    ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    RunContract.soon().until(() -> !JobTree.alive(pid));
  }

  private static long pid(Unit unit, String job) {
    return Long.parseLong(unit.hear("@ has " + job));
  }

  /** By what the kernel shows. */
  private static void assertInForce(Path group, long pid) throws IOException {
    assertThat(JobTree.pids(group)).containsExactly(pid);
    assertThat(Systemd.TOP + Systemd.cgroup(pid)).isEqualTo(group.toString());
    assertThat(Systemd.read(group, "cpu.max")).isEqualTo("50000 100000");
    assertThat(Systemd.read(group, "cpu.weight")).isEqualTo("300");
    assertThat(Systemd.read(group, "memory.max")).isEqualTo("" + (1L << 30));
  }

  /** A second worker ends what the first left in its base, and tells how. */
  private void endElsewhere(Unit left, Verdict verdict, String... lines) throws Exception {
    String base = left.group().toString().substring(Systemd.TOP.toString().length());
    Unit other = systemd.service("other", lines);
    other.add(exec("", "end=yes", "base=" + base));
    Systemd.load();
    other.start();
    assertThat(other.hear("@ ended job")) // before Linux 6.15 nobody can tell how
        .isIn(verdict.name(), "OBSERVATION_LOST");
    other.hear("@ closed");
  }

  @Test
  @Timeout(value = 15, unit = TimeUnit.MINUTES) // four JVMs, one after the other
  void delegatedUser_isFullyGoverned_andItsJobsSurviveKillAndRestart() throws Exception {
    Systemd.assumeUser();
    boolean subgroup = Systemd.version() >= 254;
    Unit target = systemd.service("target", USER, DELEGATED, "ExecStart=/bin/sleep 36000");
    Unit worker = systemd.service("worker", USER, DELEGATED, "KillMode=process", "MemoryMax=400M");
    worker.add("Type=exec");
    worker.add(subgroup ? "DelegateSubgroup=supervisor" : "");
    Systemd.load();
    long attached = target.start().mainPid();
    String disk = Files.readString(DISK).strip();
    String[] arguments = {"attach=" + attached, "beside=yes", "disk=" + disk};
    worker.add(exec("", "leaf=" + !subgroup, arguments[0], arguments[1], arguments[2]));
    Systemd.load();
    worker.start();

    String survival = worker.hear("@ survival");
    assertThat(survival).isEqualTo(subgroup ? "EXPECTED []" : "AT_RISK [restart]");
    long pid = pid(worker, "job");
    assertThat(worker.hear("@ job cpu.max")).startsWith("APPLIED");
    assertThat(worker.hear("@ job cpu.weight")).startsWith("APPLIED");
    assertThat(worker.hear("@ job memory.max"))
        .startsWith("ADJUSTED " + (400L << 20) + " " + worker.group() + " ");
    assertThat(worker.hear("@ job io.max")).startsWith("APPLIED");
    assertThat(worker.hear("@ target cpu.max")).startsWith("APPLIED");
    assertThat(worker.hear("@ beside cpu.max"))
        .startsWith("DENIED")
        .contains("systemctl set-property --runtime " + worker.name);
    worker.hear("@ ready");
    Path job = worker.group().resolve("ffrtmp/job");
    Path nested = target.group().resolve("ffrtmp/target");
    assertInForce(job, pid);
    assertInForce(nested, attached);
    assertThat(Systemd.read(job, "io.max"))
        .contains(disk + " rbps=" + SystemdWorker.IO_BYTES_PER_SECOND);

    kill(worker.mainPid());
    assertInForce(job, pid);
    assertInForce(nested, attached);
    RunContract.soon().until(() -> worker.get("ActiveState").endsWith("failed"));
    if (subgroup) {
      worker.start();
      assertRecovered(worker, pid, attached);
      Systemd.all("restart", List.of(worker));
      assertRecovered(worker, pid, attached);
      worker.stop();
    } else { // as the doctor said
      Systemd.fail("systemctl", "start", worker.name);
      assertThat(worker.get("ExecMainStatus")).isEqualTo("ExecMainStatus=219");
    }
    assertInForce(job, pid);
    assertInForce(nested, attached);

    endElsewhere(worker, Verdict.WORKLOAD_FAILED_PLATFORM_OK, USER);
    assertThat(JobTree.alive(pid)).isFalse();
    assertThat(target.members()).containsExactly(attached);
    assertThat(target.get("ActiveState", "MainPID"))
        .contains("ActiveState=active", "MainPID=" + attached);
    RunContract.soon().until(() -> !Files.exists(target.group().resolve("ffrtmp")));
  }

  private static void assertRecovered(Unit worker, long pid, long attached) throws Exception {
    assertThat(worker.hear("@ recovered job")).isEqualTo(pid + " RUN true");
    assertThat(worker.hear("@ recovered target")).isEqualTo(attached + " ATTACH true");
    worker.hear("@ ready");
    assertInForce(worker.group().resolve("ffrtmp/job"), pid);
  }

  @Test
  void rootWithItsBaseOutsideTheUnit_jobsSurviveARestart() throws Exception {
    String name = "ffrtmp-test-outside";
    Unit worker = systemd.service("root", exec("", "name=" + name));
    Systemd.load();
    worker.start();
    assertThat(worker.hear("@ survival")).isEqualTo("EXPECTED []");
    long pid = pid(worker, "job");
    worker.hear("@ ready");
    Path job = Systemd.TOP.resolve(name).resolve("job");
    assertInForce(job, pid);
    Systemd.all("restart", List.of(worker));
    assertThat(worker.hear("@ recovered job")).isEqualTo(pid + " RUN true");
    worker.stop(); // by the default KillMode=control-group
    Systemd.load();
    assertInForce(job, pid);
    try (Governor governor = LinuxGovernor.builder().base("/").directoryName(name).open()) {
      Recovery recovery = governor.recover();
      assertThat(recovery.jobs()).hasSize(1);
      ((StartedJob) recovery.jobs().get(0)).kill();
      assertThat(recovery.jobs().get(0).await().workloadEnded()).isTrue();
    }
    assertThat(job.getParent()).doesNotExist();
  }

  @Test
  void userScope_hasTheControllersOfTheUsersManager_andIsToldOfTheRest() throws Exception {
    Systemd.assumeUser();
    Systemd.call("systemctl", "start", "user@1000.service");
    Unit starter = systemd.service("scope", USER, "Environment=XDG_RUNTIME_DIR=/run/user/1000");
    String scope = "/usr/bin/systemd-run --user --scope --quiet --collect -p Delegate=yes -- ";
    starter.add(exec(scope, "leaf=true", "disk=" + Files.readString(DISK).strip()));
    Systemd.load();
    starter.start();
    assertThat(starter.hear("@ survival")).isEqualTo("AT_RISK [kill_mode]");
    long pid = pid(starter, "job");
    starter.hear("@ job cpu.max");
    String io = starter.hear("@ job io.max");
    starter.hear("@ ready");
    Unit unit = systemd.of(pid);
    assertInForce(unit.group().resolve("ffrtmp/job"), pid);
    boolean handed = Systemd.read(unit.group(), "cgroup.controllers").contains("io");
    assertThat(io).startsWith(handed ? "APPLIED" : "UNSUPPORTED");
    assertThat(io).contains(handed ? "APPLIED" : "user@.service");

    long jvm = unit.members().stream().filter(each -> each != pid).findFirst().orElseThrow();
    kill(jvm);
    assertInForce(unit.group().resolve("ffrtmp/job"), pid);
    Verdict verdict = handed ? Verdict.WORKLOAD_FAILED_PLATFORM_OK : Verdict.LIMITS_NOT_ENFORCED;
    endElsewhere(unit, verdict, USER);
    RunContract.soon().until(() -> !Files.exists(unit.group()));
  }

  @Test
  void cgroupNamespace_likeAContainers_isGovernedWithinIt() throws Exception {
    String own =
        "/usr/bin/unshare --cgroup --mount /bin/sh -c"
            + " 'umount /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup && exec \"$$@\"' sh ";
    assertGovernedInside(systemd.service("container", DELEGATED, exec(own, "leaf=true")));
  }

  @Test
  void cgroupNamespace_withTheHostsMount_isToldAsOneWithoutCgroups() throws Exception {
    Unit unit = systemd.service("namespace", DELEGATED, exec("/usr/bin/unshare --cgroup "));
    Systemd.load();
    unit.start();
    long pid = pid(unit, "job");
    assertThat(unit.hear("@ job cpu.max")).startsWith("UNSUPPORTED").contains("; mount -t cgroup");
    unit.hear("@ ready");
    assertThat(Systemd.TOP + Systemd.cgroup(pid)).isEqualTo(unit.group().toString());
  }

  private static void assertGovernedInside(Unit unit) throws Exception {
    Systemd.load();
    unit.start();
    assertThat(unit.hear("@ job cpu.max")).as(unit.toString()).startsWith("APPLIED");
    unit.hear("@ ready");
    Path job = unit.group().resolve("ffrtmp/job");
    assertInForce(job, JobTree.pids(job).get(0));
  }

  @Test
  void readOnlyCgroups_runTheJobWithoutLimits_andSayWhyAndTheCure() throws Exception {
    Unit unit = systemd.service("read-only", "ProtectControlGroups=yes", exec(""));
    Systemd.load();
    unit.start();
    long pid = pid(unit, "job");
    for (String limit : List.of("cpu.max", "memory.max")) {
      assertThat(unit.hear("@ job " + limit)).startsWith("DENIED").contains("remount,rw");
    }
    assertThat(JobTree.alive(pid)).isTrue();
    assertThat(Systemd.TOP + Systemd.cgroup(pid)).isEqualTo(unit.group().toString());
  }

  @Test
  void firstOfAPidNamespace_saysThatNothingSurvives_andNothingDoes() throws Exception {
    String first = "/usr/bin/unshare --pid --fork --mount-proc ";
    String name = "ffrtmp-test-first";
    Unit unit = systemd.service("first", exec(first, "name=" + name));
    Systemd.load();
    unit.start();
    assertThat(unit.hear("@ survival")).startsWith("IMPOSSIBLE").contains("pid_namespace");
    unit.hear("@ ready");
    Path job = Systemd.TOP.resolve(name).resolve("job");
    long pid = JobTree.pids(job).get(0);
    assertInForce(job, pid);
    kill(ProcessHandle.of(unit.mainPid()).orElseThrow().children().toList().get(0).pid());
    RunContract.soon().until(() -> !JobTree.alive(pid));
    Files.delete(job); // of another pid namespace: no governor here removes it
    Files.delete(job.getParent());
  }
}
