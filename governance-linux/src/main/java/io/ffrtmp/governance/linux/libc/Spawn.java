package io.ffrtmp.governance.linux.libc;

import com.sun.jna.Function;
import com.sun.jna.Native;
import com.sun.jna.NativeLibrary;
import com.sun.jna.Pointer;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * posix_spawn(3): a child in a session of its own, with every signal at its default and unblocked,
 * and with the descriptors that it is given and no other. Costs the same whatever the size of the
 * JVM.
 */
public final class Spawn {
  private static final short SETSIGDEF = 0x04; // spawn.h
  private static final short SETSIGMASK = 0x08;
  private static final short SETSID = 0x80;
  private static final short SETCGROUP = 0x100; // glibc 2.39

  private static final int SIZE_OF_ATTRIBUTES = 512; // 336 in glibc 2.36
  private static final int SIZE_OF_ACTIONS = 128; // 80 in glibc 2.36
  private static final int SIZE_OF_SIGNALS = 128;

  private static final Optional<Function> SET_CGROUP = function("posix_spawnattr_setcgroup_np");
  private static final Pointer PLAIN = attributes((short) 0);

  private Spawn() {}

  /** Whether libc can let a child be born inside a cgroup (of v2). */
  public static boolean canSetCgroup() {
    return SET_CGROUP.isPresent();
  }

  /**
   * Spawns.
   *
   * @param path the program, absolute
   * @param directory where to start, if not here
   * @param descriptors those that the child gets as 0, 1, 2 …; a source must be its own target or
   *     lie beyond them all
   * @param cgroup a descriptor of the cgroup's directory to be born in
   * @return the process id
   * @throws ErrnoException the child's errno, whichever step it failed at; there is no child then
   */
  public static int spawn(
      String path,
      Strings arguments,
      Strings environment,
      Optional<String> directory,
      int[] descriptors,
      OptionalInt cgroup)
      throws ErrnoException {
    int[] pid = new int[1];
    Pointer argv = arguments.copy();
    Pointer envp = environment.copy();
    Pointer actions = allocate(SIZE_OF_ACTIONS);
    Pointer attributes = cgroup.isPresent() ? attributes(cgroup.getAsInt()) : PLAIN;
    Raw.posix_spawn_file_actions_init(actions);
    try {
      for (int target = 0; target < descriptors.length; target++) {
        Raw.posix_spawn_file_actions_adddup2(actions, descriptors[target], target);
      }
      Raw.posix_spawn_file_actions_addclosefrom_np(actions, descriptors.length);
      directory.ifPresent(
          name -> Raw.posix_spawn_file_actions_addchdir_np(actions, Libc.utf8(name)));
      // The return value is the error: a success may leave any errno behind.
      int error = Raw.posix_spawn(pid, Libc.utf8(path), actions, attributes, argv, envp);
      if (error != 0) {
        throw new ErrnoException(error, "posix_spawn " + path);
      }
      return pid[0];
    } finally {
      Raw.posix_spawn_file_actions_destroy(actions);
      free(actions, argv, envp);
      if (attributes != PLAIN) {
        free(attributes);
      }
    }
  }

  private static Pointer attributes(int cgroup) {
    Pointer attributes = attributes(SETCGROUP);
    SET_CGROUP.orElseThrow().invokeInt(new Object[] {attributes, cgroup});
    return attributes;
  }

  private static Pointer attributes(short more) {
    Pointer attributes = allocate(SIZE_OF_ATTRIBUTES);
    Pointer signals = allocate(SIZE_OF_SIGNALS);
    signals.setMemory(0, SIZE_OF_SIGNALS, (byte) 0xff);
    Raw.posix_spawnattr_init(attributes);
    Raw.posix_spawnattr_setflags(attributes, (short) (SETSIGDEF | SETSIGMASK | SETSID | more));
    Raw.posix_spawnattr_setsigdefault(attributes, signals);
    signals.clear(SIZE_OF_SIGNALS);
    Raw.posix_spawnattr_setsigmask(attributes, signals);
    free(signals);
    return attributes;
  }

  /** Plain malloc(3): JNA's own Memory would bring a cleaner thread with it. */
  private static Pointer allocate(long size) {
    return new Pointer(Native.malloc(size));
  }

  private static void free(Pointer... blocks) {
    for (Pointer block : blocks) {
      Native.free(Pointer.nativeValue(block));
    }
  }

  private static Optional<Function> function(String name) {
    try {
      return Optional.of(NativeLibrary.getProcess().getFunction(name));
    } catch (UnsatisfiedLinkError olderLibc) {
      return Optional.empty();
    }
  }
}
