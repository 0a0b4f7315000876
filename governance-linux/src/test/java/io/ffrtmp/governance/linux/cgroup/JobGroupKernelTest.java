package io.ffrtmp.governance.linux.cgroup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.ffrtmp.governance.CpuMax;
import io.ffrtmp.governance.Evidence.OomCause;
import io.ffrtmp.governance.IoMax;
import io.ffrtmp.governance.LimitOutcome;
import io.ffrtmp.governance.LimitOutcome.Detail;
import io.ffrtmp.governance.LimitOutcome.Status;
import io.ffrtmp.governance.Limits;
import io.ffrtmp.governance.Receipt;
import io.ffrtmp.governance.ResourceUsage;
import io.ffrtmp.governance.ResourceUsage.Counter;
import io.ffrtmp.governance.linux.CpuShare;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Limits that are written are there, and bite; shown by reading the kernel's files ourselves. */
@Tag("kernel")
class JobGroupKernelTest {
  private static final String HOG = "x=xxxxxxxxxxxxxxxx; while :; do x=$x$x; done";

  private final CgroupHost host = new CgroupHost();

  @AfterEach
  void leaveNothing() throws Exception {
    host.close();
  }

  @Test
  void create_makesADirectoryOfOurOwnInEachHierarchy() throws Exception {
    JobGroup group = host.create("job");

    for (Path home : host.homes()) {
      assertThat(home.resolve("job")).isDirectory();
      assertThat(Files.getAttribute(home.resolve("job"), "unix:mode")).isEqualTo(040700);
    }
    assertThat(group.remove()).isTrue();
    assertThat(host.homes()).noneMatch(home -> Files.exists(home.resolve("job")));
    assertThat(group.remove()).as("gone is gone").isTrue();
  }

  @Test
  void apply_limitsWithinReach_areInTheKernelsFiles() throws Exception {
    Limits limits =
        Limits.NONE.cpuMax(new CpuMax(50_000, 200_000)).cpuWeight(200).memoryMaxBytes(64L << 20);
    List<LimitOutcome> outcomes = host.create("job").limits().apply(limits);

    assertThat(outcomes).extracting(LimitOutcome::status).containsOnly(Status.APPLIED);
    if (host.unified()) {
      assertThat(host.read("cpu", "job", "cpu.max")).isEqualTo("50000 200000");
      assertThat(host.read("cpu", "job", "cpu.weight")).isEqualTo("200");
      assertThat(host.read("memory", "job", "memory.max")).isEqualTo("67108864");
    } else {
      assertThat(host.read("cpu", "job", "cpu.cfs_quota_us")).isEqualTo("50000");
      assertThat(host.read("cpu", "job", "cpu.cfs_period_us")).isEqualTo("200000");
      assertThat(host.read("cpu", "job", "cpu.shares")).isEqualTo("2048");
      assertThat(host.read("memory", "job", "memory.limit_in_bytes")).isEqualTo("67108864");
    }
  }

  @Test
  void apply_memoryBetweenPages_isAdjustedToWhatTheKernelMadeOfIt() throws Exception {
    LimitOutcome outcome =
        host.create("job").limits().apply(Limits.NONE.memoryMaxBytes(1_000_000)).get(0);

    assertThat(outcome.status()).isEqualTo(Status.ADJUSTED);
    assertThat(outcome.get(Detail.WRITTEN)).contains("1000000");
    assertThat(outcome.readBack()).contains("999424");
    assertThat(outcome.effective()).contains("999424");
    assertThat(outcome.get(Detail.EFFECTIVE_AT)).isEmpty();
  }

  @Test
  void apply_ioMaxByPath_isWrittenForItsDisk() throws Exception {
    Path path = Path.of("/var/tmp");
    String disk = diskOf(path);
    Limits limits =
        Limits.NONE.ioMax(IoMax.path(path).readBytesPerSecond(4 << 20).writesPerSecond(100));
    LimitOutcome outcome = host.create("job").limits().apply(limits).get(0);

    assertThat(outcome.status()).as("%s", outcome).isEqualTo(Status.APPLIED);
    assertThat(outcome.readBack()).contains(disk + " rbps=4194304 wiops=100");
    if (host.unified()) {
      assertThat(host.read("io", "job", "io.max"))
          .isEqualTo(disk + " rbps=4194304 wbps=max riops=max wiops=100");
    } else {
      assertThat(outcome.get(Detail.FILE).orElseThrow())
          .endsWith("/job/blkio.throttle.{read_bps,write_iops}_device");
      assertThat(host.read("io", "job", "blkio.throttle.read_bps_device"))
          .isEqualTo(disk + " 4194304");
      assertThat(host.read("io", "job", "blkio.throttle.write_iops_device"))
          .isEqualTo(disk + " 100");
    }
  }

  @Test
  void apply_ioMaxOfOneDiskByTwoNames_keepsTheFirstRateAndRefusesTheSecond() throws Exception {
    Path path = Path.of("/var/tmp");
    String[] disk = diskOf(path).split(":");
    IoMax byNumber = IoMax.device(Integer.parseInt(disk[0]), Integer.parseInt(disk[1]));
    Limits limits =
        Limits.NONE
            .ioMax(IoMax.path(path).readBytesPerSecond(4 << 20))
            .ioMax(byNumber.readBytesPerSecond(400 << 20).writesPerSecond(100))
            .ioMax(IoMax.path(Path.of("/var")).writesPerSecond(50));
    assumeTrue(diskOf(Path.of("/var")).equals(diskOf(path)), "/var and /var/tmp are two disks");
    JobGroup group = host.create("job");
    List<LimitOutcome> outcomes = group.limits().apply(limits);

    assertThat(outcomes)
        .extracting(LimitOutcome::status)
        .containsExactly(Status.APPLIED, Status.UNSUPPORTED, Status.APPLIED);
    assertThat(outcomes.get(1).cure()).contains("the same disk as /var/tmp: give it one io.max");
    assertThat(outcomes.get(1).get(Detail.FILE)).isPresent();
    assertThat(group.limits().readBack(Receipt.of(outcomes)).limits()).isEqualTo(outcomes);
  }

  @Test
  void apply_ioMax_namesTheFileThatHoldsIt() throws Exception {
    Path path = Path.of("/var/tmp");
    Limits limits = Limits.NONE.ioMax(IoMax.path(path).writesPerSecond(100));
    LimitOutcome outcome = host.create("job").limits().apply(limits).get(0);

    assertThat(Path.of(outcome.get(Detail.FILE).orElseThrow()))
        .content()
        .contains(diskOf(path) + " " + (host.unified() ? "rbps=max wbps=max riops=max wiops=" : ""))
        .contains("100");
    Limits none = Limits.NONE.ioMax(IoMax.device(4000, 77).writesPerSecond(10));
    assertThat(host.create("refused").limits().apply(none).get(0).get(Detail.FILE).orElseThrow())
        .endsWith(host.unified() ? "io.max" : "blkio.throttle.write_iops_device");
  }

  @Test
  void apply_ioMaxOfNoDisk_isUnsupportedAndSaysWhy() throws Exception {
    Limits limits =
        Limits.NONE
            .ioMax(IoMax.device(4000, 77).readsPerSecond(10))
            .ioMax(IoMax.path(Path.of("/proc")).readsPerSecond(10))
            .ioMax(IoMax.path(Path.of("/no/such/file")).readsPerSecond(10));
    List<LimitOutcome> outcomes = host.create("job").limits().apply(limits);

    assertThat(outcomes)
        .hasSize(3)
        .extracting(LimitOutcome::status)
        .containsOnly(Status.UNSUPPORTED);
    assertThat(outcomes)
        .extracting(each -> each.errno().orElse(""))
        .containsExactly("ENODEV", "ENODEV", "ENOENT");
    assertThat(outcomes.subList(0, 2)).allMatch(each -> each.cure().orElse("").contains("lsblk"));
    assertThat(outcomes.get(2).cure()).contains("name a path that exists; /no/such/file does not");
  }

  @Test
  void cpuMax_busyLoop_getsItsShare() throws Exception {
    JobGroup group = host.create("job");
    group.limits().apply(Limits.NONE.cpuMax(new CpuMax(20_000, 100_000)));
    Process loop = host.run(group, "while :; do :; done");
    CpuShare.assertShare(
        0.2,
        () -> 1000 * cpuMicros("job"),
        () -> await().pollDelay(Duration.ofSeconds(3)).until(loop::isAlive));

    ResourceUsage usage = group.usage();
    assertThat(usage.get(Counter.CPU_THROTTLED_PERIODS).orElseThrow()).isGreaterThan(10);
    assertThat(usage.get(Counter.CPU_THROTTLED_USEC).orElseThrow()).isGreaterThan(1_000_000);
    long user = usage.get(Counter.CPU_USER_USEC).orElseThrow();
    assertThat(user).isBetween(200_000L, cpuMicros("job"));
  }

  @Test
  void memoryMax_hog_diesOfItsOwnLimit() throws Exception {
    JobGroup group = host.create("job");
    group.limits().apply(Limits.NONE.memoryMaxBytes(32 << 20));
    assertThat(group.oomKilled()).isEmpty();

    assertThat(host.run(group, HOG).waitFor()).isEqualTo(137);
    assertThat(group.oomKilled()).contains(OomCause.OWN_LIMIT);
    assertThat(group.usage().get(Counter.OOM_KILLS)).hasValue(1);
    assertThat(group.usage().get(Counter.MEMORY_PEAK_BYTES).orElse(32 << 20))
        .isBetween(16L << 20, 33L << 20);
  }

  @Test
  void memoryMax_hogInAGroupOfItsOwn_isCountedAndBlamedAllTheSame() throws Exception {
    String file = host.unified() ? "memory.max" : "memory.limit_in_bytes";
    JobGroup own = host.create("own");
    own.limits().apply(Limits.NONE.memoryMaxBytes(32 << 20));
    assertThat(killedBeneath(own, "own")).contains(OomCause.OWN_LIMIT);

    JobGroup above = host.create("above");
    Files.writeString(host.directory("memory", "above").resolveSibling(file), "33554432");
    assertThat(killedBeneath(above, "above")).contains(OomCause.ABOVE);
  }

  private Optional<OomCause> killedBeneath(JobGroup group, String id) throws Exception {
    Path beneath = Files.createDirectory(host.directory("memory", id).resolve("beneath"));
    Process hog = host.start("read go; " + HOG);
    Files.writeString(beneath.resolve("cgroup.procs"), "" + hog.pid());
    hog.getOutputStream().write('\n');
    hog.getOutputStream().flush();
    assertThat(hog.waitFor()).isEqualTo(137);
    assertThat(group.usage().get(Counter.OOM_KILLS)).hasValue(1);
    return group.oomKilled();
  }

  @Test
  void memoryMax_tighterAbove_isToldAndBlamed() throws Exception {
    JobGroup group = host.create("job");
    String file = host.unified() ? "memory.max" : "memory.limit_in_bytes";
    Path above = host.directory("memory", "job").getParent();
    Files.writeString(above.resolve(file), "33554432");
    LimitOutcome outcome = group.limits().apply(Limits.NONE.memoryMaxBytes(256 << 20)).get(0);

    assertThat(outcome.status()).isEqualTo(Status.ADJUSTED);
    assertThat(outcome.readBack()).contains("268435456");
    assertThat(outcome.effective()).contains("33554432");
    assertThat(outcome.get(Detail.EFFECTIVE_AT)).contains(above.toString());
    assertThat(host.run(group, HOG).waitFor()).isEqualTo(137);
    assertThat(group.oomKilled()).contains(OomCause.ABOVE);
  }

  @Test
  void cpuMax_tighterAbove_isAdjustedOnBothVersions() throws Exception {
    JobGroup group = host.create("job");
    Path above = host.directory("cpu", "job").getParent();
    limitCpu(above, 30_000);
    LimitOutcome outcome = group.limits().apply(Limits.NONE.cpuMax(CpuMax.cores(1))).get(0);

    assertThat(outcome.status()).as("%s", outcome).isEqualTo(Status.ADJUSTED);
    assertThat(outcome.effective()).contains("30000 100000");
    assertThat(outcome.get(Detail.EFFECTIVE_AT)).contains(above.toString());
    Receipt receipt = Receipt.of(List.of(outcome));
    assertThat(group.limits().readBack(receipt)).isEqualTo(receipt);

    limitCpu(above, -1);
    Status after = group.limits().readBack(receipt).limits().get(0).status();
    assertThat(after).isEqualTo(host.unified() ? Status.ADJUSTED : Status.LOST);
  }

  @Test
  void cpuMax_refusedBeneathATighterOne_isNotToldAsWrittenAndReadAnewAtTheEnd() throws Exception {
    assumeFalse(host.unified(), "v2 takes it");
    JobGroup group = host.create("job");
    Path above = host.directory("cpu", "job").getParent();
    limitCpu(above, 30_000);
    LimitOutcome outcome = group.limits().apply(Limits.NONE.cpuMax(CpuMax.cores(1))).get(0);
    assertThat(outcome.get(Detail.WRITTEN)).isEmpty();
    assertThat(outcome.readBack()).contains("max 100000");
    assertThat(outcome.errno()).contains("EINVAL");
    assertThat(outcome.cure().orElseThrow()).startsWith("raise " + above + "/cpu.cfs_quota_us");

    Receipt receipt = Receipt.of(List.of(outcome));
    for (long tight : new long[] {80_000, 100_000}) { // the latter is what was asked: not by us
      limitCpu(above, tight);
      assertThat(group.limits().readBack(receipt).limits())
          .containsExactly(outcome.with(Detail.EFFECTIVE, tight + " 100000"));
    }
    for (long loose : new long[] {200_000, -1}) { // the former is a limit, but none that was asked
      limitCpu(above, loose);
      LimitOutcome lost = group.limits().readBack(receipt).limits().get(0);
      assertThat(lost.status()).isEqualTo(Status.LOST);
      assertThat(lost.effective()).isEmpty();
      assertThat(lost.get(Detail.EFFECTIVE_AT)).isEmpty();
      assertThat(lost.errno()).contains("EINVAL");
      assertThat(lost.cure().orElseThrow())
          .startsWith("write it to " + host.directory("cpu", "job"));
    }
    limitCpu(above, 100_000); // the cure
    assertThat(group.limits().apply(Limits.NONE.cpuMax(CpuMax.cores(1))).get(0).status())
        .isEqualTo(Status.APPLIED);
  }

  @Test
  void cpuMax_withinALimitAbove_isApplied() throws Exception {
    JobGroup group = host.create("job");
    limitCpu(host.directory("cpu", "job").getParent(), 50_000);

    assertThat(group.limits().apply(Limits.NONE.cpuMax(new CpuMax(4_000, 10_000))).get(0).status())
        .isEqualTo(Status.APPLIED);
    assertThat(
            group
                .limits()
                .apply(Limits.NONE.cpuMax(new CpuMax(400_000, 1_000_000)))
                .get(0)
                .status())
        .as("the other way round")
        .isEqualTo(Status.APPLIED);
  }

  private void limitCpu(Path directory, long quota) throws Exception {
    if (host.unified()) {
      String value = (quota < 0 ? "max" : quota) + " 100000";
      Files.writeString(directory.resolve("cpu.max"), value);
    } else {
      Files.writeString(directory.resolve("cpu.cfs_quota_us"), "" + quota);
    }
  }

  @Test
  void readBack_changedByAnother_isLostWithWhatWasRead() throws Exception {
    JobGroup group = host.create("job");
    Limits limits = Limits.NONE.cpuWeight(200).memoryMaxBytes(64L << 20);
    Receipt receipt = Receipt.of(group.limits().apply(limits));
    assertThat(group.limits().readBack(receipt)).isEqualTo(receipt);

    String file = host.unified() ? "memory.max" : "memory.limit_in_bytes";
    Files.writeString(host.directory("memory", "job").resolve(file), "134217728");
    List<LimitOutcome> after = group.limits().readBack(receipt).limits();
    assertThat(after).extracting(LimitOutcome::status).containsExactly(Status.APPLIED, Status.LOST);
    assertThat(after.get(1).readBack()).contains("134217728");
  }

  @Test
  void readBack_groupGone_isLostOnV1_whereTheLeaderDoesNotTell() throws Exception {
    JobGroup group = host.create("job");
    Receipt receipt = Receipt.of(group.limits().apply(Limits.NONE.memoryMaxBytes(64L << 20)));
    group.remove();
    Receipt after = group.limits().readBack(receipt);
    if (host.unified()) {
      assertThat(after).isEqualTo(receipt);
    } else {
      assertThat(after.limits()).extracting(LimitOutcome::status).containsExactly(Status.LOST);
      assertThat(after.limits().get(0).errno()).contains("ENOENT");
    }
  }

  @Test
  void place_process_isHeldInEveryHierarchy() throws Exception {
    JobGroup group = host.create("job");
    Process sleeper = host.start("sleep 100 & wait");
    int pid = (int) sleeper.pid();
    assertThat(group.holds(pid)).isFalse();
    assertThat(group.populated()).isFalse();

    group.place(pid);
    assertThat(group.holds(pid)).isTrue();
    assertThat(group.movedOut(pid)).isFalse();
    assertThat(group.members()).contains(pid).doesNotHaveDuplicates();
    assertThat(group.populated()).isTrue();
    assertThat(group.remove()).as("never with a process inside").isFalse();
    assertThat(host.homes()).allMatch(home -> Files.exists(home.resolve("job")));

    Path cpu = host.directory("cpu", "job").getParent().resolve("elsewhere");
    Files.createDirectory(cpu);
    Files.writeString(cpu.resolve("cgroup.procs"), "" + pid);
    assertThat(group.holds(pid)).isFalse();
    assertThat(group.movedOut(pid)).isTrue();
  }

  @Test
  void isOutside_cgroupThatIsGone_isNoEvidence() throws Exception {
    List<Mount> unified = Mount.parse(Files.readString(Path.of("/proc/self/mountinfo")));
    unified.removeIf(each -> !each.type().equals("cgroup2"));
    assumeFalse(unified.isEmpty(), "no tree of cgroup v2");
    assumeTrue(host.unified() || Libc.geteuid() == 0, "needs root, to make groups beside v1");
    Hierarchies trees =
        host.unified() ? host.hierarchies : Hierarchies.resolve(unified, "0::/", point -> "");
    Base base = Base.find(CgroupFiles.kernel(), trees, Optional.empty(), host.name);
    JobGroup group = base.home().create("job", CgroupHost.mark("job"));
    Path directory = Path.of(group.toString());
    Path within = Files.createDirectory(directory.resolve("within"));
    Path beside = Files.createDirectory(directory.resolveSibling("beside"));
    long gone = inode(within);
    try {
      assertThat(group.isOutside(inode(directory))).isFalse();
      assertThat(group.isOutside(gone)).isFalse();
      assertThat(group.isOutside(inode(beside))).isTrue();
      Files.delete(within);
      assertThat(group.isOutside(gone)).isFalse();
      assertThat(group.remove()).isTrue();
      assertThat(group.isOutside(inode(beside))).as("though the group is gone").isTrue();
    } finally {
      Files.delete(beside);
      Files.deleteIfExists(within);
      group.remove();
      base.close();
    }
  }

  private static long inode(Path directory) throws IOException {
    return (Long) Files.getAttribute(directory, "unix:ino");
  }

  @Test
  void movedOut_zombieOfTheGroup_isNoEvidence() throws Exception {
    JobGroup group = host.create("job");
    Process parent = host.start("sleep 100 & echo $!; read go"); // which does not reap
    int pid = Integer.parseInt(parent.inputReader().readLine());
    group.place(pid);
    ProcessHandle.of(pid).orElseThrow().destroyForcibly();
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> Files.readString(Path.of("/proc/" + pid + "/stat")).contains(") Z "));

    assertThat(group.movedOut(pid)).isFalse();
  }

  @Test
  void remove_groupsOfTheWorkload_goFirst() throws Exception {
    JobGroup group = host.create("job");
    for (Path home : host.homes()) {
      Files.createDirectories(home.resolve("job/a/b"));
      Files.createDirectories(home.resolve("job/c"));
    }
    Process sleeper = host.start("exec sleep 100");
    Files.writeString(host.homes().get(0).resolve("job/a/b/cgroup.procs"), "" + sleeper.pid());
    assertThat(group.populated()).isTrue();
    assertThat(group.members()).containsExactly((int) sleeper.pid());
    assertThat(group.remove()).isFalse();
    assertThat(host.homes().get(0).resolve("job/c")).as("nothing half removed").isDirectory();

    host.end(sleeper);
    await().atMost(Duration.ofSeconds(60)).until(group::remove); // v1 lags behind the exit
    assertThat(host.homes()).noneMatch(home -> Files.exists(home.resolve("job")));
  }

  @Test
  void killAll_unified_endsEveryMember() throws Exception {
    JobGroup group = host.create("job");
    Process sleeper = host.run(group, "sleep 100 & sleep 100");
    boolean killed = group.killAll();

    assertThat(killed).isEqualTo(host.unified());
    assumeTrue(killed, "cgroup.kill is v2's");
    assertThat(sleeper.waitFor()).isEqualTo(137);
    await().atMost(Duration.ofSeconds(60)).until(() -> !group.populated());
  }

  @Test
  void openEvents_unifiedOnly() throws Exception {
    JobGroup group = host.create("job");
    assertThat(group.openEvents().isPresent()).isEqualTo(host.unified());
    int directory = group.open();
    Libc.close(directory);
    assumeFalse(host.unified(), "v1 has no cgroup.events");
    group.remove();
    assertThatThrownBy(group::open).isInstanceOf(ErrnoException.class);
  }

  @Test
  void usage_removedGroup_isUnknownNotZero() throws Exception {
    JobGroup group = host.create("job");
    assertThat(group.usage().counters()).containsKey(Counter.CPU_USER_USEC);
    group.remove();
    assertThat(group.usage()).isEqualTo(ResourceUsage.UNKNOWN);
    assertThat(group.oomKilled()).isEmpty();
    assertThat(group.members()).isEmpty();
  }

  private long cpuMicros(String id) throws Exception {
    return host.unified()
        ? Long.parseLong(host.read("cpu", id, "cpu.stat").split("\\s+")[1])
        : Long.parseLong(host.read("cpuacct", id, "cpuacct.usage")) / 1000;
  }

  private static String diskOf(Path path) throws Exception {
    Process lsblk =
        new ProcessBuilder("findmnt", "-no", "MAJ:MIN", "--target", path.toString()).start();
    String number = lsblk.inputReader().readLine().strip();
    assumeFalse(number.startsWith("0:"), path + " lies on no disk of its own");
    Path device = Path.of("/sys/dev/block", number).toRealPath();
    return Files.exists(device.resolve("partition"))
        ? Files.readString(device.getParent().resolve("dev")).strip()
        : number;
  }
}
