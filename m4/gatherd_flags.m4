# GATHERD_PROBE_FLAGS(VARIABLE, FLAG...)
# Append to VARIABLE each FLAG that the compiler and linker take without a warning.
AC_DEFUN([GATHERD_PROBE_FLAGS], [
  AC_LANG_ASSERT([C])
  for gatherd_flag in $2; do
    AS_VAR_PUSHDEF([gatherd_cache], [gatherd_cv_flag_$gatherd_flag])
    AC_CACHE_CHECK([whether $CC takes $gatherd_flag], [gatherd_cache], [
      gatherd_saved_cflags=$CFLAGS
      CFLAGS="-Werror $CFLAGS $gatherd_flag"
      AC_LINK_IFELSE(
        [AC_LANG_SOURCE([[int main(void) { return 0; }]])],
        [AS_VAR_SET([gatherd_cache], [yes])],
        [AS_VAR_SET([gatherd_cache], [no])])
      CFLAGS=$gatherd_saved_cflags
    ])
    AS_VAR_IF([gatherd_cache], [yes], [$1="$$1 $gatherd_flag"])
    AS_VAR_POPDEF([gatherd_cache])
  done
])
