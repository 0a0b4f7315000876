package io.ffrtmp.governance.linux;

import io.ffrtmp.governance.Capability;
import io.ffrtmp.governance.Capability.State;
import io.ffrtmp.governance.HostReport;
import io.ffrtmp.governance.linux.cgroup.Base;
import io.ffrtmp.governance.linux.cgroup.CgroupFiles;
import io.ffrtmp.governance.linux.cgroup.Hierarchies;
import io.ffrtmp.governance.linux.libc.ErrnoException;
import io.ffrtmp.governance.linux.libc.Libc;
import io.ffrtmp.governance.linux.libc.Pidfd;
import io.ffrtmp.governance.linux.observe.ExitReader;
import io.ffrtmp.governance.linux.process.Spawner;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Puts together what each package says of this host. */
final class HostProbe {
  private HostProbe() {}

  /** What makes it impossible to open a governor here. */
  static Optional<Capability> blocking() {
    String os = System.getProperty("os.name");
    String arch = System.getProperty("os.arch");
    if (!os.equals("Linux") || !(arch.equals("amd64") || arch.equals("aarch64"))) {
      return Optional.of(
          Capability.of("platform", State.BLOCKING, os + " on " + arch)
              .cure("run on Linux on x86-64 or aarch64"));
    }
    return Libc.unusable()
        .map(reason -> Capability.of("native", State.BLOCKING, reason).cure(Libc.CURE))
        .or(HostProbe::foreignProc)
        .or(HostProbe::hiddenBoot)
        .or(HostProbe::noPidfd);
  }

  /** Without the id of this boot no governor knows which other one is alive. */
  private static Optional<Capability> hiddenBoot() {
    String file = "/proc/sys/kernel/random/boot_id";
    return Libc.access(file, Libc.R_OK) == 0
        ? Optional.empty()
        : Optional.of(
            Capability.of("boot_id", State.BLOCKING, file + " can't be read")
                .cure("mount all of /proc (in a unit ProcSubset=all)"));
  }

  /** What a start, an attachment and the end of each stand on. */
  private static Optional<Capability> noPidfd() {
    int ours = (int) ProcessHandle.current().pid();
    try {
      Pidfd.open(ours).close();
      return Optional.empty();
    } catch (ErrnoException e) {
      return e.isShortage()
          ? Optional.empty() // which opening a governor meets, and tells
          : Optional.of(
              Capability.of("pidfd", State.BLOCKING, e.getMessage())
                  .cure("Linux 5.4 or later, and a seccomp profile that permits pidfd_open"));
    }
  }

  /** Where {@code /proc} shows other numbers than system calls take, we would act on strangers. */
  private static Optional<Capability> foreignProc() {
    String self = "none";
    try {
      self = Files.readSymbolicLink(Path.of("/proc/self")).toString();
    } catch (IOException notThere) {
      // as good as a foreign one
    }
    String ours = Long.toString(ProcessHandle.current().pid());
    String detail = "process " + ours + " is " + self + " in /proc";
    return self.equals(ours)
        ? Optional.empty()
        : Optional.of(
            Capability.of("proc", State.BLOCKING, detail)
                .cure("mount -t proc proc /proc, in this pid namespace"));
  }

  static HostReport report(Optional<String> configuredBase, String name) {
    Optional<Capability> blocking = blocking();
    if (blocking.isPresent()) {
      return blocked(blocking.get());
    }
    CgroupFiles files = CgroupFiles.kernel();
    return report(Base.find(files, Hierarchies.read(files), configuredBase, name));
  }

  /** Where nothing can be governed, nothing survives us either. */
  static HostReport blocked(Capability blocking) {
    return HostReport.of(List.of(blocking), List.of(blocking));
  }

  static HostReport report(Base base) {
    List<Capability> all = new ArrayList<>();
    String kernel = System.getProperty("os.version");
    String machine = Libc.ARM ? "aarch64" : "x86_64"; // uname's name, where Java says amd64
    String jdk = System.getProperty("java.vm.name") + " " + System.getProperty("java.version");
    all.add(Capability.of("kernel", State.YES, kernel + " " + machine));
    all.add(Capability.of("libc", State.YES, "glibc " + Libc.glibcVersion()));
    all.add(Capability.of("jdk", State.YES, jdk));
    all.addAll(base.capabilities());
    Capability exits = ExitReader.capability(kernel);
    boolean told = exits.state() == State.YES;
    all.addAll(Spawner.capabilities(base.home().exists(), base.bornInside(), told));
    all.add(exits);
    SystemdUnit unit = SystemdUnit.ours();
    all.add(unit.capability());
    return HostReport.of(all, unit.risks(base.insideOurs()));
  }
}
