package io.ffrtmp.governance.linux;

import static org.assertj.core.api.Assertions.assertThat;

import io.ffrtmp.governance.AttachedJob;
import io.ffrtmp.governance.Attachment;
import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Governor;
import io.ffrtmp.governance.JobResult;
import io.ffrtmp.governance.Limit;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.Signal;
import io.ffrtmp.governance.StartedJob;
import io.ffrtmp.governance.Verdict;
import io.ffrtmp.governance.Workload;
import io.ffrtmp.governance.linux.Systemd.Unit;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Attach to what runs in units of systemd, which must not notice it. */
@Tag("kernel")
class SystemdAttachKernelTest {
  private static final String SLEEP = "/bin/sleep 36000";
  private static final String LASTS = "ExecStart=" + SLEEP;
  private static final long ASKED_BYTES = 1L << 30;
  private static final Limits OURS =
      Limits.NONE.cpuMax(CpuMax.cores(0.5)).cpuWeight(300).memoryMaxBytes(ASKED_BYTES);

  private final List<Process> processes = new ArrayList<>();
  private Systemd systemd;
  private Governor governor;

  @TempDir Path dir;

  @BeforeEach
  void open() {
    Systemd.assumePresent();
    systemd = new Systemd(dir);
    governor = LinuxGovernor.builder().open();
  }

  @AfterEach
  void close() throws Exception {
    if (governor != null) {
      governor.close();
      systemd.end();
      for (Process each : processes) {
        each.destroyForcibly().waitFor();
      }
      RunContract.awaitWatchers(0); // the next test counts descriptors
    }
  }

  /**
   * A service with limits that has one process; which one, and how it came to be, is its type's.
   */
  private Unit service(String type, String... lines) throws Exception {
    List<String> all = new ArrayList<>(List.of("MemoryMax=512M", "CPUQuota=150%"));
    all.add("Type=" + type);
    all.addAll(List.of(lines));
    return systemd.service(type, all.toArray(String[]::new));
  }

  private Unit scope() throws Exception {
    Unit scope = systemd.scope("scope");
    List<String> command = new ArrayList<>(List.of("systemd-run", "--scope", "--quiet"));
    command.addAll(List.of("--unit=" + scope.name, "-p", "MemoryMax=512M", "-p", "CPUQuota=150%"));
    command.addAll(List.of(SLEEP.split(" ", -1)));
    processes.add(new ProcessBuilder(command).start());
    return scope;
  }

  /** The process of a unit, once it does what it is for. */
  private static long sleeper(Unit unit) throws Exception {
    RunContract.soon()
        .until(
            () ->
                Files.exists(unit.group())
                    && unit.members().size() == 1
                    && LinuxHost.commandLine(unit.members().get(0).intValue()).contains("36000"));
    return unit.members().get(0);
  }

  @Test
  void units_ofEachType_stayActiveWithTheirLimitsAboveOurs_andReleaseRestores() throws Exception {
    List<Unit> services =
        List.of(
            service("simple", "Restart=always", LASTS),
            service("exec", "Restart=always", LASTS),
            service(
                "forking",
                "Restart=always",
                "GuessMainPID=no",
                "ExecStart=/bin/sh -c '" + SLEEP + " &'"),
            service(
                "notify",
                "Restart=always",
                "NotifyAccess=all",
                "ExecStart=/bin/sh -c 'systemd-notify --ready; exec " + SLEEP + "'"),
            service("oneshot", "RemainAfterExit=yes", "ExecStart=/bin/sh -c '" + SLEEP + " &'"));
    Systemd.load();
    Systemd.all("start", services);
    List<Unit> units = new ArrayList<>(services);
    units.add(scope());

    Map<Unit, Found> before = new HashMap<>();
    Map<Unit, AttachedJob> jobs = new HashMap<>();
    for (Unit unit : units) {
      long pid = sleeper(unit);
      before.put(unit, Found.of(unit));
      AttachedJob job = governor.attach(Attachment.of(pid).jobId(unit.name).limits(OURS));
      jobs.put(unit, job);
      assertThat(job.pid()).isEqualTo(pid);
      assertReceipt(job.receipt(), unit);
      assertThat(barred(job.receipt())).contains(unit.group().toString());
      assertInForce(unit, pid);
    }

    Systemd.load();
    for (Unit unit : units) {
      unit.set("CPUWeight=50", "MemoryMax=500M");
    }
    Systemd.call("systemctl", "daemon-reexec");
    for (Unit unit : units) {
      assertInForce(unit, jobs.get(unit).pid());
      assertThat(Systemd.read(unit.group(), "memory.max")).isEqualTo("" + (500L << 20));
      assertThat(Found.of(unit).told()).isEqualTo(before.get(unit).told());
    }

    for (Unit unit : units) {
      JobResult result = jobs.get(unit).release();
      assertThat(result.receipt().allInForce()).as(result.toString()).isTrue();
      assertThat(result.receipt().moved().orElseThrow().notMoved()).isEmpty();
      assertThat(result.verdict()).isEqualTo(Verdict.DETACHED_WORKLOAD_CONTINUES);
      assertThat(Found.of(unit)).isEqualTo(before.get(unit));
    }

    for (Unit unit : units) {
      long pid = jobs.get(unit).pid();
      jobs.put(unit, governor.attach(Attachment.of(pid).jobId(unit.name).limits(OURS)));
    }
    Systemd.all("stop", units);
    for (Unit unit : units) {
      JobResult result = jobs.get(unit).await();
      assertThat(result.workloadEnded()).isTrue();
      assertThat(result.verdict()).as(result.toString()).isEqualTo(Verdict.OBSERVED_TO_COMPLETION);
      assertThat(JobTree.alive(result.pid().orElseThrow())).isFalse();
      RunContract.soon().until(() -> !Files.exists(unit.group())); // and no second copy
    }
  }

  /** What could tell that something was done to a unit: by systemd, and by the kernel. */
  private record Found(String told, Map<String, String> state) {
    static Found of(Unit unit) throws Exception {
      String told = unit.get("ActiveState", "SubState", "NRestarts", "MainPID", "InvocationID");
      assertThat(told).contains("ActiveState=active");
      return new Found(told, unit.state());
    }
  }

  private static Optional<String> barred(Receipt receipt) {
    return receipt.moved().orElseThrow().barredCgroup();
  }

  @Test
  void unit_whoseCommandsAreBarred_isTold_andIsNotWithoutLimitsOrWhereItIsDelegated()
      throws Exception {
    Unit plain = systemd.service("plain", LASTS, "ExecReload=/bin/true");
    Unit delegated = systemd.service("delegated", LASTS, "ExecReload=/bin/true", "Delegate=yes");
    Systemd.load();
    Systemd.all("start", List.of(plain, delegated));
    for (Unit unit : List.of(plain, delegated)) {
      Attachment attachment = Attachment.of(sleeper(unit)).jobId(unit.name);
      AttachedJob job = governor.attach(attachment);
      assertThat(barred(job.receipt())).isEmpty();
      Systemd.all("reload", List.of(unit));
      job.release();

      AttachedJob limited = governor.attach(attachment.limits(OURS));
      assertThat(barred(limited.receipt())).contains(unit.group().toString());
      if (unit == delegated) { // in .control
        Systemd.all("reload", List.of(unit));
      } else {
        Systemd.fail("systemctl", "reload", unit.name);
      }
      assertThat(barred(limited.detach().receipt())).contains(unit.group().toString());
      AttachedJob recovered = (AttachedJob) governor.recover().jobs().get(0);
      assertThat(barred(recovered.receipt())).contains(unit.group().toString());
      recovered.release();
      Systemd.all("reload", List.of(unit));
    }
  }

  private static void assertReceipt(Receipt receipt, Unit unit) {
    LimitOutcome memory = RunContract.outcome(receipt, Limit.MEMORY_MAX);
    assertThat(memory.status()).as(memory.toString()).isEqualTo(Status.ADJUSTED);
    assertThat(memory.effective()).contains("" + (512L << 20));
    assertThat(memory.get(Detail.EFFECTIVE_AT)).contains(unit.group().toString());
    for (Limit limit : List.of(Limit.CPU_MAX, Limit.CPU_WEIGHT)) {
      LimitOutcome cpu = RunContract.outcome(receipt, limit);
      assertThat(cpu.status()).as(cpu.toString()).isEqualTo(Status.APPLIED);
    }
  }

  /** By what the kernel shows. */
  private static void assertInForce(Unit unit, long pid) throws Exception {
    Path group = unit.group().resolve("ffrtmp").resolve(unit.name);
    assertThat(Systemd.TOP + Systemd.cgroup(pid)).isEqualTo(group.toString());
    assertThat(unit.members()).containsExactly(pid);
    assertThat(Systemd.read(group, "cpu.max")).isEqualTo("50000 100000");
    assertThat(Systemd.read(group, "cpu.weight")).isEqualTo("300");
    assertThat(Systemd.read(group, "memory.max")).isEqualTo("" + ASKED_BYTES);
    assertThat(Systemd.read(unit.group(), "cpu.max")).isEqualTo("150000 100000");
  }

  @Test
  void loginSession_lasts_andReleaseRestores() throws Exception {
    Systemd.assumeUser();
    Unit login = systemd.service("login", "User=worker", "PAMName=login", LASTS);
    Systemd.load();
    long pid = login.start().mainPid();
    RunContract.soon().until(() -> Systemd.cgroup(pid).matches(".*/session-[^/]+\\.scope"));
    RunContract.soon().until(() -> LinuxHost.commandLine((int) pid).contains("36000"));
    Unit session = systemd.of(pid);
    String told = session.get("ActiveState", "SubState", "InvocationID");
    Map<String, String> before = session.state();

    AttachedJob job = governor.attach(Attachment.of(pid).jobId("login").limits(OURS));
    assertThat(job.receipt().allInForce()).as(job.receipt().toString()).isTrue();
    Path group = session.group().resolve("ffrtmp").resolve("login");
    assertThat(Systemd.TOP + Systemd.cgroup(pid)).isEqualTo(group.toString());
    Systemd.load();
    assertThat(Systemd.read(group, "memory.max")).isEqualTo("" + ASKED_BYTES);
    assertThat(session.get("ActiveState", "SubState", "InvocationID")).isEqualTo(told);
    String name = session.name.replaceAll("session-|\\.scope", "");
    assertThat(Systemd.call("loginctl", "show-session", "-p", "State", name))
        .isIn("State=active", "State=online");

    assertThat(job.release().receipt().allInForce()).isTrue();
    assertThat(session.state()).isEqualTo(before);
    assertThat(session.get("ActiveState", "SubState", "InvocationID")).isEqualTo(told);
  }

  @Test
  void unitWithOtherProcesses_isObservedOnly_andTheCureIsOne() throws Exception {
    Unit unit =
        systemd.service("inner", "ExecStart=/bin/sh -c '(" + SLEEP + " &); exec /bin/sleep 36001'");
    Systemd.load();
    unit.start();
    RunContract.soon().until(() -> unit.members().size() == 2);
    long pid = unit.mainPid();
    RunContract.soon().until(() -> LinuxHost.commandLine((int) pid).contains("36001"));
    Found before = Found.of(unit);
    AttachedJob job = governor.attach(Attachment.of(pid).jobId("inner").limits(OURS));
    String cure = "systemctl set-property --runtime " + unit.name;
    for (LimitOutcome each : job.receipt().limits()) {
      assertThat(each.status()).as(each.toString()).isEqualTo(Status.DENIED);
      assertThat(each.cure().orElse("")).contains(cure);
    }
    assertThat(job.receipt().moved().orElseThrow().notMoved())
        .singleElement()
        .satisfies(it -> assertThat(it.pid()).isEqualTo(pid));
    unit.set("CPUQuota=50%", "CPUWeight=300", "MemoryMax=1G");
    assertThat(Systemd.read(unit.group(), "cpu.max")).isEqualTo("50000 100000");
    assertThat(Systemd.read(unit.group(), "memory.max")).isEqualTo("" + ASKED_BYTES);
    assertThat(job.detach().verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);
    JobResult released = governor.attach(Attachment.of(pid).jobId("again").limits(OURS)).release();
    assertThat(released.verdict()).isEqualTo(Verdict.LIMITS_NOT_ENFORCED);
    assertThat(released.receipt().limits()).hasSize(3);
    assertThat(Found.of(unit)).isEqualTo(before);
  }

  @Test
  void process_movedBySystemd_isFoundAtTheEnd() throws Exception {
    Workload sleeper = Workload.of("/bin/sleep", "36000").limits(OURS);
    StartedJob started = governor.start(sleeper.jobId("started"));
    Unit unit = service("simple", LASTS);
    Systemd.load();
    AttachedJob attached =
        governor.attach(Attachment.of(sleeper(unit.start())).jobId("attached").limits(OURS));
    moveToScope("away-started", started.pid());
    moveToScope("away-attached", attached.pid());
    started.signal(Signal.KILL);
    assertMoved(started.await());
    assertMoved(attached.detach());
  }

  /** As {@code systemd-run --scope} does, which is for processes yet to be. */
  private void moveToScope(String name, long pid) throws Exception {
    Unit scope = systemd.scope(name);
    String manager = "org.freedesktop.systemd1.Manager";
    Systemd.call(
        ("busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 "
                + (manager + " StartTransientUnit ssa(sv)a(sa(sv)) ")
                + (scope.name + " fail 1 PIDs au 1 " + pid + " 0"))
            .split(" ", -1));
    RunContract.soon().until(() -> Systemd.cgroup(pid).endsWith(scope.name));
  }

  private static void assertMoved(JobResult result) {
    assertThat(result.evidence().movedByOthers()).isTrue();
    assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_LOST);
  }

  @Test
  void limit_rewrittenBySomebodyElse_isFoundAtTheEnd() throws Exception {
    Unit unit = service("simple", LASTS);
    Systemd.load();
    long pid = sleeper(unit.start());
    AttachedJob job = governor.attach(Attachment.of(pid).jobId(unit.name).limits(OURS));
    assertInForce(unit, pid);
    Path group = unit.group().resolve("ffrtmp").resolve(unit.name);
    Files.writeString(group.resolve("memory.max"), "max");
    JobResult result = job.release();
    LimitOutcome memory = RunContract.outcome(result.receipt(), Limit.MEMORY_MAX);
    assertThat(memory.status()).as(memory.toString()).isEqualTo(Status.LOST);
    assertThat(memory.readBack()).contains("max");
    assertThat(result.verdict()).isEqualTo(Verdict.LIMITS_LOST);
  }
}
